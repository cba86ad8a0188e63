import { eventRef } from '../lifecycle/event-ref.js';
import type { Telling } from '../lifecycle/lifecycle.js';
import type { FailedEvent, PublishedEvent } from '../lifecycle/messages.js';
import type { PendingEvent } from '../store/store.js';
import type { Settled } from './settler.js';

type Failed = Settled & { readonly verdict: Extract<Settled['verdict'], { failure: unknown }> };

/** Tells the lifecycle of events whose outcomes are on record. Nothing is put together for what nobody listens to. */
export function tellSettled(lifecycle: Telling, settled: readonly Settled[]): void {
  const duration = performance.now() - Math.min(...settled.map(({ entry }) => entry.sentAt));
  const failed = settled.filter(hasFailed);
  const published = settled.length - failed.length;
  if (published > 0 && lifecycle.heard('published'))
    lifecycle.tell('published', { events: settled.filter(isPublished).map(publishedEvent), duration });
  if (failed.length > 0) tellFailures(lifecycle, failed, duration);
  if (lifecycle.heard('unroutable')) tellUnroutable(lifecycle, settled);
  lifecycle.tell('batch-settled', { published, failed: failed.length, unknown: 0, duration });
}

function tellFailures(lifecycle: Telling, failed: readonly Failed[], duration: number): void {
  const dead = failed.filter(({ verdict }) => verdict.kind === 'dead');
  lifecycle.tell('publish-failed', { events: failed.map(failedEvent), duration });
  if (dead.length > 0) lifecycle.tell('dead', { events: dead.map(failedEvent) });
}

/** Also of those to whom that is a failure. */
function tellUnroutable(lifecycle: Telling, settled: readonly Settled[]): void {
  const events = settled.filter(({ isReturned }) => isReturned).map(({ entry }) => eventRef(entry.event));
  if (events.length > 0) lifecycle.tell('unroutable', { events });
}

const hasFailed = (settled: Settled): settled is Failed => 'failure' in settled.verdict;
const isPublished = (settled: Settled): boolean => !hasFailed(settled);

/** Whole literals: with every event of every batch, copies of copies would cost what counting does. */
const publishedEvent = ({ entry: { event } }: Settled): PublishedEvent => ({
  id: event.id,
  type: event.type,
  key: event.key,
  attempt: event.attempts + 1,
  traceparent: traceparentOf(event),
  occurredAt: event.occurredAt * 1_000,
});

const failedEvent = ({ entry: { event }, verdict: { kind, failure } }: Failed): FailedEvent => ({
  ...eventRef(event),
  attempt: event.attempts + 1,
  traceparent: traceparentOf(event),
  error: failure.error,
  delay: kind === 'dead' ? null : failure.delay,
});

const traceparentOf = ({ headers }: PendingEvent): string | null => {
  const traceparent = headers?.['traceparent'];
  return typeof traceparent === 'string' ? traceparent : null;
};
