import type { EventHeaders } from '../../event/envelope.js';
import type { FailedAttempt } from '../../event/failed-attempt.js';

/** Where an event died that could not be published. */
export const PUBLISHING = 'publishing';

/** An event that rests, because it could not be published, or because a handler could not handle it. */
export interface DeadLetter {
  /** Of the event; one that came from elsewhere without an id has one made of what it holds. */
  readonly id: string;
  readonly type: string;
  readonly key: string | null;
  /** `'publishing'`, or the queue of the handler it died at. */
  readonly where: string;
  /** Decoded by its content type; a `Buffer` where that cannot be done. */
  readonly payload: unknown;
  /** Why the payload could not be decoded; `null` when it was. */
  readonly undecodable: string | null;
  readonly contentType: string | null;
  /** Those given at `emit()`. */
  readonly headers: EventHeaders;
  readonly correlationId: string | null;
  /** Made since it was emitted, or last requeued. */
  readonly attempts: number;
  /** The newest ten attempts that failed, also before it was last requeued, oldest first. */
  readonly errors: readonly FailedAttempt[];
  /** Text of the last error; empty when nobody told. */
  readonly error: string;
  /** Stack of the last error. Not kept for publishing. */
  readonly stack: string | null;
  /** Of the attempts in `errors`. */
  readonly firstFailedAt: Date | null;
  readonly lastFailedAt: Date | null;
  /** When it was emitted. */
  readonly occurredAt: Date | null;
}

/** What follows from the history of the attempts. */
export function toldBy(errors: readonly FailedAttempt[]) {
  const [first, last] = [errors[0], errors.at(-1)];
  return {
    errors,
    error: last?.error ?? '',
    firstFailedAt: first ? new Date(first.at) : null,
    lastFailedAt: last ? new Date(last.at) : null,
  };
}
