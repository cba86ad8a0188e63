import type { QueuePlan } from '../../broker/inspection.js';
import type { SubscriptionRequest } from '../../broker/subscriber.js';

/** What whoever asks is, and what its own handlers need. */
export interface KnownApplication {
  readonly service: string;
  readonly plan: QueuePlan;
  /** Nobody has said which its exchange is: those on record know better. */
  readonly isExchangeGuessed?: boolean;
  /** How it deals with exchanges and queues. */
  readonly topology: 'assert' | 'check' | 'none';
  /** What processes like this one do, by their options. */
  readonly relays: boolean;
  readonly consumes: boolean;
  /** Its own handlers; none where they are not known. Others are on record in the database. */
  readonly requests: () => readonly SubscriptionRequest[];
}
