import type { QueryRunner } from 'typeorm';

/**
 * How a consumer stands with an event. `'new'`: it is ours to handle, and remembered if the transaction commits.
 * `'handled'`: it was handled before. `'busy'`: another transaction is handling it, and may yet fail.
 */
export type Standing = 'new' | 'handled' | 'busy';

/**
 * `'transient'`: the transaction has lost against another one (serialization failure, deadlock), and may succeed when it
 * is run again. `'refused'`: the database answers, and does not want what it was given. `'unavailable'`: neither; it does
 * not answer, or not as it should.
 */
export type Verdict = 'transient' | 'refused' | 'unavailable';

/** The memory of what has been handled: a row for each consumer and event. */
export interface InboxStore {
  /**
   * Remembers the events, in the caller's transaction and as far as they are new, and tells how each stands. Never waits
   * for another transaction: whoever waits holds a connection, for as long as somebody else's handler takes.
   */
  enter(tx: QueryRunner, consumer: string, ids: readonly string[]): Promise<Standing[]>;

  /** Forgets events that the same transaction has entered. */
  leave(tx: QueryRunner, consumer: string, ids: readonly string[]): Promise<void>;

  /**
   * Whether the transaction has failed already and can only be rolled back, although nobody said so: a statement in it
   * failed, and whoever sent it caught the error. A commit would then undo everything without a word.
   */
  isSpoilt(tx: QueryRunner): Promise<boolean>;

  /** Whether the connection of the transaction has gone, and the transaction with it. */
  isLost(tx: QueryRunner): Promise<boolean>;

  /** What an error of a statement, or what was thrown because of one, says. */
  verdict(error: unknown): Verdict;

  /** Resolves if an event could be entered now. */
  probe(): Promise<void>;

  /** Forgets what was handled more than `retention` ms ago: up to `limit` events a step, each in a transaction of its own. */
  prune(retention: number, limit: number): AsyncIterable<number>;
}
