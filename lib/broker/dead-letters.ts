import type { FailedAttempt } from '../event/failed-attempt.js';
import type { IncomingMessage } from './subscriber.js';

/** A message that no handler could handle, as it rests on a dead-letter queue. */
export interface QueuedDeadLetter {
  /** Its `id` is never empty: that of a foreign message without one is made of what it holds. */
  readonly message: IncomingMessage;
  /** The routing key it came to rest by. */
  readonly address: string;
  /** Attempts to handle it. */
  readonly attempts: number;
  /** The newest of the attempts that failed, oldest first. */
  readonly errors: readonly FailedAttempt[];
  /** Of the last error. */
  readonly stack: string | undefined;
}

/**
 * One operator's hands on a dead-letter queue. What is taken is nobody else's until it is released; what was neither
 * requeued nor removed by then is back in its old place, and so it is if the operator's process dies.
 */
export interface DeadLetterHold {
  /** The next ones from the front, at most `limit`; none when the end is reached. */
  next(limit: number): Promise<QueuedDeadLetter[]>;
  /**
   * Puts some of the last taken on the queue of the handler they died at, as new as they were first. Resolves to an
   * error for each that could not be, and is still held.
   */
  requeue(letters: readonly QueuedDeadLetter[]): Promise<Array<Error | undefined>>;
  /** Deletes some of the last taken. */
  remove(letters: readonly QueuedDeadLetter[]): Promise<void>;
  /** Never rejects. */
  release(): Promise<void>;
}

/** The dead-letter queues of handlers, each known by the name of its handler's queue. */
export interface DeadLetterQueues {
  /** The name under which retries are found whose handler's queue was gone when their time came. */
  readonly unclaimed: string;

  /** How many rest there now; `undefined` when there is no such queue. */
  count(where: string): Promise<number | undefined>;

  /**
   * Waits until no other operator has hands on it. `undefined` when there is no such queue.
   * @throws {DeadLettersBusyError} when that takes too long
   * @throws {BrokerUnavailableError} when the broker cannot be reached
   */
  hold(where: string, signal?: AbortSignal): Promise<DeadLetterHold | undefined>;

  /**
   * Reminds the handler of keys that wait no more for a dead event. Never rejects: what waits is found without it, within
   * two minutes.
   */
  remind(keys: ReadonlyArray<{ readonly consumer: string; readonly key: string }>): Promise<void>;
}
