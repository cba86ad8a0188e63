import type { SubscriptionRequest } from '../subscriber.js';
import { divide, together, type Topology } from './definitions.js';
import { forHandler, forPublishing, type PlanSettings } from './plan.js';

/** Everything on the broker that can be provided beforehand for these handlers, and for those who publish to them. */
export const topologyOf = (settings: PlanSettings, requests: readonly SubscriptionRequest[]): Topology =>
  divide(together(forPublishing(settings), ...requests.map((request) => forHandler(settings, request))))
    .lasting;
