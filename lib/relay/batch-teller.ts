import { eventRef } from '../lifecycle/event-ref.js';
import type { Telling } from '../lifecycle/lifecycle.js';
import type { EventRef, FailedEvent, LifecycleMessages, PublishedEvent } from '../lifecycle/messages.js';
import type { ClaimedEvent, FailedAttempt, Settlement } from '../store/store.js';
import type { BatchOutcome } from './failing-keys.js';

export interface SettledBatch {
  readonly events: readonly ClaimedEvent[];
  /** The broker's answers, in the order of the events. */
  readonly outcomes: readonly BatchOutcome[];
  readonly settlement: Settlement;
  /** Milliseconds from handing them to the broker until the outcomes were on record. */
  readonly duration: number;
}

/** Tells the lifecycle of a batch whose outcomes are on record. Nothing is put together for what nobody listens to. */
export function tellBatch(lifecycle: Telling, batch: SettledBatch): void {
  const { outcomes, settlement, duration } = batch;
  const published = [...settlement.published, ...settlement.returned];
  tellEvents(lifecycle, 'published', () => inBatch(batch, published, publishedEvent));
  tellEvents(lifecycle, 'unroutable', () => unroutable(batch));
  const { rescheduled, dead } = settlement;
  if (rescheduled.length + dead.length > 0) tellFailures(lifecycle, batch);
  lifecycle.tell('batch-settled', {
    published: published.length,
    failed: rescheduled.length + dead.length,
    unknown: outcomes.filter(({ kind }) => kind === 'unknown').length,
    duration,
  });
}

function tellFailures(lifecycle: Telling, batch: SettledBatch): void {
  const { rescheduled, dead } = batch.settlement;
  const lost = () => failedEvents(batch, dead, true);
  tellEvents(lifecycle, 'publish-failed', () => [...failedEvents(batch, rescheduled, false), ...lost()]);
  tellEvents(lifecycle, 'dead', lost);
}

/** Names whose messages hold nothing but a list of events. */
type EventsName = 'published' | 'unroutable' | 'publish-failed' | 'dead';

function tellEvents<Name extends EventsName>(
  lifecycle: Telling,
  name: Name,
  list: () => LifecycleMessages[Name]['events'],
): void {
  if (!lifecycle.heard(name)) return;
  const events = list();
  if (events.length > 0) lifecycle.tell(name, { events } as LifecycleMessages[Name]);
}

const unroutable = ({ events, outcomes }: SettledBatch): EventRef[] =>
  events.filter((_, index) => outcomes[index]?.kind === 'returned').map(eventRef);

/** The named events, in the batch's order. */
function inBatch<T>(
  { events }: SettledBatch,
  seqs: readonly string[],
  tell: (event: ClaimedEvent) => T,
): T[] {
  if (seqs.length === events.length) return events.map(tell);
  const named = new Set(seqs);
  return events.filter(({ seq }) => named.has(seq)).map(tell);
}

const publishedEvent = (event: ClaimedEvent): PublishedEvent => ({
  ...eventRef(event),
  attempt: event.attempts + 1,
  occurredAt: event.occurredAt * 1_000,
});

function failedEvents(batch: SettledBatch, failures: readonly FailedAttempt[], dead: boolean): FailedEvent[] {
  const bySeq = new Map(failures.map((failure) => [failure.seq, failure]));
  return inBatch(batch, [...bySeq.keys()], (event) => {
    const { error, delay } = bySeq.get(event.seq) as FailedAttempt;
    return { ...eventRef(event), attempt: event.attempts + 1, error, delay: dead ? null : delay };
  });
}
