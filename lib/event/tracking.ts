import { AsyncLocalStorage } from 'node:async_hooks';
import { isShortString } from './short-string.js';
import { isWellFormed } from './well-formed.js';

/** Where in a chain of events the code that runs now stands. */
export interface TrackingContext {
  /** Ties together everything that one business process does. */
  readonly correlationId?: string | undefined;
  /** Id of the event being handled. */
  readonly causationId?: string | undefined;
  /** The chain so far, oldest first. */
  readonly trackingIds: readonly string[];
}

/** What an event tells of the chain it belongs to. */
interface HandledEvent {
  readonly id: string;
  readonly correlationId: string | undefined;
  readonly trackingIds: readonly string[];
}

/** Older ids are dropped from the front: a header has its limits, and an endless chain has an end. */
const LONGEST_CHAIN = 100;

/** Carries the chain from a handled event to the events its handler emits, through every await. */
export class Tracking {
  private readonly storage = new AsyncLocalStorage<() => TrackingContext>();

  current(): TrackingContext | undefined {
    return this.storage.getStore()?.();
  }

  /**
   * `chain` is asked by each `emit()`. What begins in `work` keeps it for as long as it lives: it must hold on to nothing
   * large.
   */
  run<T>(chain: () => TrackingContext, work: () => T): T {
    return this.storage.run(chain, work);
  }
}

/**
 * The chain a handler's events continue. Ids of foreign events that ours cannot carry on are left out: what somebody else
 * has sent must not make an `emit()` fail.
 */
export function continueChain(event: HandledEvent): TrackingContext {
  const trackingIds = [...event.trackingIds, event.id].filter(canBeCarried).slice(-LONGEST_CHAIN);
  return {
    correlationId: canBeCarried(event.correlationId) ? event.correlationId : undefined,
    causationId: canBeCarried(event.id) ? event.id : undefined,
    trackingIds,
  };
}

const canBeCarried = (id: string | undefined): boolean => isShortString(id) && isWellFormed(id);

/** The same, made when it is asked for: most handlers emit nothing. */
export function chainBehind({ id, correlationId, trackingIds }: HandledEvent): () => TrackingContext {
  let made: TrackingContext | undefined;
  return () => (made ??= continueChain({ id, correlationId, trackingIds }));
}

/** What several events have in common, for events that are caused by all of them. */
export function chainBehindAll(events: readonly HandledEvent[]): () => TrackingContext {
  const chain = commonChain(events);
  return () => chain;
}

function commonChain(events: readonly HandledEvent[]): TrackingContext {
  const [first] = events;
  if (first && events.length === 1) return continueChain(first);
  const ids = new Set(events.map((event) => continueChain(event).correlationId));
  return { correlationId: ids.size === 1 ? [...ids][0] : undefined, trackingIds: [] };
}

/** The chain as one header: ids joined by commas, and the commas within them escaped. */
export const trackingText = (ids: readonly string[]): string =>
  ids.map((id) => id.replace(/[%,]/g, encodeURIComponent)).join(',');

/** The ids of a header; a foreign one may hold anything. */
export const trackingIdsOf = (text: string | undefined): string[] =>
  (text?.split(',') ?? []).map((id) => id.replace(/%2C|%25/gi, decodeURIComponent)).filter((id) => id !== '');
