import type { EventHeaders } from '../event/envelope.js';
import type { FailedAttempt } from '../event/failed-attempt.js';

/** Which dead events: those that meet all that is given. */
export interface DeadEventFilter {
  readonly ids?: readonly string[] | undefined;
  /** Topic patterns; one of them has to match. */
  readonly types?: readonly string[] | undefined;
  readonly key?: string | undefined;
  /** A part of the text of the last error, in upper or lower case. */
  readonly error?: string | undefined;
  /** Of the last failure; the moment itself counts. */
  readonly failedAfter?: Date | undefined;
  readonly failedBefore?: Date | undefined;
}

/** An event that could not be published. */
export interface DeadEvent {
  /** Position in the outbox: a 64-bit number as text. */
  readonly seq: string;
  readonly id: string;
  readonly type: string;
  readonly key: string | null;
  readonly body: Buffer;
  readonly contentType: string;
  readonly headers: EventHeaders | null;
  /** `null` for the module's exchange. */
  readonly exchange: string | null;
  readonly correlationId: string | null;
  readonly attempts: number;
  /** Oldest first. */
  readonly errors: readonly FailedAttempt[];
  /** When it was emitted: milliseconds since 1970. */
  readonly occurredAt: number;
}

export interface DeadEventRef {
  readonly seq: string;
  readonly id: string;
}

/** How far a walk over dead events goes. */
export interface DeadEventPage {
  /** Behind this position; `undefined` from the first on. */
  readonly after?: string | undefined;
  /** Up to this position, which is part of it; `undefined` for no end. */
  readonly until?: string | undefined;
  readonly limit: number;
}

/** The events of the outbox that rest because they could not be published. Oldest first everywhere. */
export interface DeadEvents {
  list(filter: DeadEventFilter, page: DeadEventPage): Promise<DeadEvent[]>;

  count(filter: DeadEventFilter): Promise<number>;

  /** Position of the newest one: what dies later may be before it, but is not endless. */
  last(): Promise<string | undefined>;

  /**
   * Makes a page of them pending again, with all their attempts, due at once and in their old places: what waits behind
   * one of them for its key goes on waiting until it is published. Events that somebody else has in hand are left out.
   */
  requeue(filter: DeadEventFilter, page: DeadEventPage): Promise<DeadEventRef[]>;

  /** Deletes a page of them. What waited behind them for their key goes ahead. */
  remove(filter: DeadEventFilter, page: DeadEventPage): Promise<DeadEventRef[]>;
}
