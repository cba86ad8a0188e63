import { eventRef } from '../lifecycle/event-ref.js';
import type { Telling } from '../lifecycle/lifecycle.js';
import type { EventRef, FailedEvent, PublishedEvent, RelayedEvent } from '../lifecycle/messages.js';
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
  const { rescheduled, dead } = settlement;
  const published = [...settlement.published, ...settlement.returned];
  if (published.length > 0 && lifecycle.heard('published'))
    lifecycle.tell('published', { events: inBatch(batch, published, publishedEvent), duration });
  if (outcomes.some(isReturned) && lifecycle.heard('unroutable'))
    lifecycle.tell('unroutable', { events: unroutable(batch) });
  if (rescheduled.length + dead.length > 0) tellFailures(lifecycle, batch);
  lifecycle.tell('batch-settled', {
    published: published.length,
    failed: rescheduled.length + dead.length,
    unknown: outcomes.filter(({ kind }) => kind === 'unknown').length,
    duration,
  });
}

function tellFailures(lifecycle: Telling, batch: SettledBatch): void {
  const { settlement, duration } = batch;
  const lost = failedEvents(batch, settlement.dead, true);
  const events = [...failedEvents(batch, settlement.rescheduled, false), ...lost];
  lifecycle.tell('publish-failed', { events, duration });
  if (lost.length > 0) lifecycle.tell('dead', { events: lost });
}

const isReturned = ({ kind }: BatchOutcome): boolean => kind === 'returned';

const unroutable = ({ events, outcomes }: SettledBatch): EventRef[] =>
  events.filter((_, index) => outcomes[index]?.kind === 'returned').map(eventRef);

const relayedEvent = (event: ClaimedEvent): RelayedEvent => {
  const { id, type, key, attempts, headers } = event;
  const traceparent = headers?.['traceparent'];
  return {
    id,
    type,
    key,
    attempt: attempts + 1,
    traceparent: typeof traceparent === 'string' ? traceparent : null,
  };
};

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
  ...relayedEvent(event),
  occurredAt: event.occurredAt * 1_000,
});

function failedEvents(batch: SettledBatch, failures: readonly FailedAttempt[], dead: boolean): FailedEvent[] {
  const bySeq = new Map(failures.map((failure) => [failure.seq, failure]));
  return inBatch(batch, [...bySeq.keys()], (event) => {
    const { error, delay } = bySeq.get(event.seq) as FailedAttempt;
    return { ...relayedEvent(event), error, delay: dead ? null : delay };
  });
}
