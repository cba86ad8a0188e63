import type { Criteria } from './criteria.js';
import type { DeadLetter } from './dead-letter.js';
import type { Sweep } from './sweep.js';

/** A page of dead letters, and behind what the next one begins; `undefined` when this was the last. */
export interface PlacePage {
  readonly letters: readonly DeadLetter[];
  readonly next: string | undefined;
}

/** One place where dead letters rest: the outbox, or the dead-letter queue of a handler. Oldest first. */
export interface Place {
  readonly where: string;

  /** At most `limit`, and fewer (none, even) when looking takes long: then `next` tells that there is more. */
  list(
    criteria: Criteria,
    position: string | undefined,
    limit: number,
    signal?: AbortSignal,
  ): Promise<PlacePage>;

  /** All of a few, however long it takes. */
  find(criteria: Criteria, signal?: AbortSignal): Promise<DeadLetter[]>;

  /** How many rest here, without a look at them: those that an operator holds are not counted. */
  size(): Promise<number>;

  /** How many the criteria are met by. */
  count(criteria: Criteria, signal?: AbortSignal): Promise<number>;

  /** Does to all that are there now what the sweep is for, until it is cancelled. */
  sweep(criteria: Criteria, sweep: Sweep): Promise<void>;
}
