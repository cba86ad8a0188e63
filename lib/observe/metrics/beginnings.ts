// Prometheus sees a counter grow, but not come: of one that appears with its first 500 nothing has increased. So each is
// there with 0 as soon as the values of its labels are known.
import type { LifecycleMessage } from '../../lifecycle/messages.js';
import type { COUNTERS } from './definitions.js';
import type { Counter } from './series.js';

export type Counters = Readonly<Record<keyof typeof COUNTERS, Counter>>;

/** What becomes of a delivery. */
export type HandlingOutcome = 'handled' | 'retried' | 'dead-lettered' | 'aborted' | 'duplicate';
type Reason = LifecycleMessage<'dead-lettered'>['reason'];

const OUTCOMES: Readonly<Record<HandlingOutcome, true>> = {
  handled: true,
  retried: true,
  'dead-lettered': true,
  aborted: true,
  duplicate: true,
};
const REASONS: Readonly<Record<Reason, true>> = { rejected: true, exhausted: true, unmatched: true };

export function beginWithoutLabels(counters: Counters): void {
  for (const counter of Object.values(counters)) if (counter.definition.labels.length === 0) counter.add(0);
}

export function beginConsumer(counters: Counters, queue: string): void {
  for (const counter of [counters.received, counters.handlerRetries, counters.duplicates])
    counter.add(0, queue);
  for (const outcome of Object.keys(OUTCOMES)) counters.processed.add(0, queue, outcome);
  for (const reason of Object.keys(REASONS)) counters.handlerDead.add(0, queue, reason);
}

export function beginType(counters: Counters, type: string, { relays }: { readonly relays: boolean }): void {
  counters.emitted.add(0, type);
  if (!relays) return;
  const { published, unroutable, publishFailures, publishRetries, publishDead } = counters;
  for (const counter of [published, unroutable, publishFailures, publishRetries, publishDead])
    counter.add(0, type);
}
