import type { QueryRunner } from 'typeorm';
import type { NewEvent, OutgoingEvent } from '../event/envelope.js';

/** What every database must do for the outbox. One contract suite runs over all implementations. */
export interface OutboxStore {
  /** Brings the tables to the version this library needs, or checks that they are there. */
  prepare(): Promise<void>;

  /**
   * Writes events inside the caller's transaction, numbered in the given order: one statement for thousands of them. An
   * id that is in the table already is skipped, without an error that would spoil the transaction. Resolves to the
   * number of events written.
   */
  append(tx: QueryRunner, events: readonly NewEvent[]): Promise<number>;

  /** Deletes, in the caller's transaction, an event that is not due yet. Whether there was one. */
  cancel(tx: QueryRunner, id: string): Promise<boolean>;

  /** A reader of its own position. Its claims hold row locks on connections apart from the application's. */
  openReader(): EventReader;

  /**
   * Deletes published rows older than `retention` ms, step by step: each step looks at up to `limit` rows, in a short
   * transaction of its own, and yields the number deleted. Never touches a row that was not published.
   */
  prune(retention: number, limit: number): AsyncIterable<number>;

  /** Counts are exact up to `limit` and capped there, so that they stay cheap on a table of any size. */
  stats(limit: number): Promise<StoreStats>;

  /** Ends the connections the store opened itself, for good. The application's data source is left alone. */
  close(): Promise<void>;
}

export interface EventReader {
  /**
   * Locks the next due events, in the order they were emitted. The locks are held until the claim is settled or
   * released, and die with the connection: no other relay can claim the same rows meanwhile. Not to be called again
   * before it has resolved.
   */
  claim(limit: number): Promise<Claim | undefined>;

  /** Milliseconds until the next scheduled event or retry is due, as of the last claim that found nothing. */
  readonly nextDue: number | undefined;

  /** Look at every pending row again: rows were given back, or may have been by somebody who died. */
  rewind(): void;
}

/** Events under lock in one open transaction. */
export interface Claim {
  readonly events: readonly ClaimedEvent[];
  /** Records every outcome, one statement per kind, and commits. Events not named stay pending. */
  settle(settlement: Settlement): Promise<void>;
  /** Gives all rows back as they were. Never throws. */
  release(): Promise<void>;
}

export interface ClaimedEvent extends OutgoingEvent {
  /** Position in the outbox: a 64-bit number as text. */
  readonly seq: string;
  /** Failed attempts to publish so far. */
  readonly attempts: number;
  /** It has failed before, also if its attempts were given back to it: it holds back the rest of its key. */
  readonly hasFailed: boolean;
}

export interface Settlement {
  readonly published: readonly string[];
  /** Published, but no queue was bound: recorded on the row. */
  readonly returned: readonly string[];
  readonly rescheduled: readonly FailedAttempt[];
  readonly dead: readonly FailedAttempt[];
}

export interface FailedAttempt {
  readonly seq: string;
  readonly error: string;
  /** Milliseconds until the next attempt, by the database's clock. Ignored for the dead. */
  readonly delay: number;
}

export interface StoreStats {
  /** Not yet published, due or not. */
  readonly pending: number;
  /** Pending after at least one failed attempt. */
  readonly retrying: number;
  readonly dead: number;
  /** Age in ms of the oldest event that is due and unpublished; 0 when there is none. */
  readonly lag: number;
  /** The number at which the counts stop. */
  readonly countedUpTo: number;
}
