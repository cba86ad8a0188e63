import type { QueryRunner } from 'typeorm';
import type { NewEvent, OutgoingEvent } from '../event/envelope.js';
import type { LaneSet } from '../event/lane.js';

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

  /** A seat among the relays: what it takes to hold lanes. Not taken yet. */
  openSeat(announcement: RelayAnnouncement): RelaySeat;

  /** A reader of its own position, on a connection apart from the application's. */
  openReader(): EventReader;

  /**
   * Records outcomes, many with one statement. Repeating it does no harm, and neither does somebody else having recorded
   * the same event meanwhile: what is not as it was read stays as it is. Resolves to the numbers of the failures of which
   * that is so: somebody else has had the row, or we ourselves at a first try whose answer was lost. What such a row holds
   * back, the table knows.
   */
  settle(settlement: Settlement): Promise<readonly number[]>;

  /** Tells those who listen, in whatever process, that something was committed. */
  notify(): Promise<void>;

  /** Calls `heard` at every notification, from now on. Rejects if that is not possible now. */
  listen(heard: () => void): Promise<Listening>;

  /**
   * Removes published rows older than `retention` ms, step by step: each step looks at up to `limit` rows, in a
   * transaction of its own, and yields the number removed. Whoever leaves it before its end goes on from there the next
   * time. Never touches a row that was not published. Where there is an
   * archive they are in it by then; if it takes none, nothing is removed, and the iteration throws.
   * @throws {ArchiveFailedError} also when `stopping` aborts while the archive is at work
   */
  prune(retention: number, limit: number, stopping?: AbortSignal): AsyncIterable<number>;

  /**
   * Counts look at up to `limit` rows each and stop there, so that they stay cheap on a table of any size. `lanes` is the
   * number that the keys are shared out over.
   */
  stats(limit: number, lanes: number): Promise<StoreStats>;

  /** Ends the connections the store opened itself, for good. The application's data source is left alone. */
  close(): Promise<void>;
}

export interface EventReader {
  /**
   * The next events of these lanes that are pending and due, in the order they were emitted; each of them once, until
   * `rewind()`, or twice if it was scheduled. Empty: there are none at this moment. Not to be called again before it has resolved.
   * The lanes are asked for each time it looks, so that a `rewind()` for new ones never ends in a look at the old ones.
   */
  read(limit: number, lanes: () => LaneSet): Promise<PendingEvent[]>;

  /** The pending events of one key behind `after`, in order, up to and including the first that has failed. */
  readKey(key: string, after: number, limit: number): Promise<PendingEvent[]>;

  /** Milliseconds until the next scheduled event or retry is due, as of the last read that found nothing. */
  readonly nextDue: number | undefined;

  /**
   * Whether the last read has found all there was, and nothing is due: reading again is in vain until something happens.
   * Where it is false, nobody knows.
   */
  readonly isExhausted: boolean;

  /** Everything up to here has been read, but for what waits for a failed event of its key, or commits late. */
  readonly covered: number;

  /** Read again what is pending behind `after`, or everything: some of it was not published. */
  rewind(after?: number): void;
}

/** What a relay says of itself to those who look at the table. */
export interface RelayAnnouncement {
  readonly service: string;
  readonly host: string;
  readonly pid: number;
  /** How many lanes the keys are shared out over. */
  readonly lanes: number;
}

/**
 * A place among the relays that share the lanes of an outbox. Everything about it is bound to one open connection: when
 * that goes, for whatever reason, the seat and its lanes are free at once, without any clock.
 */
export interface RelaySeat {
  /** Sits down. Rejects if that is not possible now. Idempotent. */
  take(): Promise<void>;
  /** Those of the lanes that could be taken, and are held from now on. */
  hold(lanes: readonly number[]): Promise<number[]>;
  /** Lets go of the lanes that were taken last, this many. */
  giveBack(count: number): Promise<void>;
  /** Who sits here now, us included. Proves that the seat is still ours; rejects if it is not. */
  census(): Promise<RelayCensus>;
  /** Tells how things are to those who look at the table, and that this relay is there; also without a seat. */
  announce(report: object): Promise<void>;
  /** Stands up: all lanes are free. `gone`: the relay is no more, and nobody needs to see it. Never throws. */
  leave(gone?: boolean): Promise<void>;
  /** Called when the seat was lost without having been left. */
  onLost(listener: (error: Error) => void): void;
}

/** An open ear. */
export interface Listening {
  /** Whether a notification of our own comes back within `timeout` ms: listening alone does not prove it. */
  hears(timeout: number): Promise<boolean>;
  /** Called when it ends without having been closed. */
  onLost(listener: (error: Error) => void): void;
  close(): Promise<void>;
}

export interface RelayCensus {
  /** The lanes that each relay holds, ours first. */
  readonly shares: readonly number[];
  /** Lanes that nobody holds. */
  readonly free: readonly number[];
}

export interface PendingEvent extends OutgoingEvent {
  /** Position in the outbox. A double holds every number up to 2^53, and no table gets there. */
  readonly seq: number;
  /** Where its key is, of `LANE_SLOTS`. */
  readonly slot: number;
  /** Failed attempts to publish so far. */
  readonly attempts: number;
  /** Whether a return of the broker is a failure of this event; `null` for what the module says. */
  readonly requireRoute: boolean | null;
}

export interface Settlement {
  readonly published: readonly AsRead[];
  /** Published, but no queue was bound: recorded on the row. */
  readonly returned: readonly AsRead[];
  readonly rescheduled: readonly Failure[];
  readonly dead: readonly Failure[];
}

/** A row, and what it was when it was read: with another number of failed attempts it is somebody else's. */
export type AsRead = Pick<PendingEvent, 'seq' | 'attempts'>;

/** An attempt that failed. */
export interface Failure extends AsRead {
  readonly error: string;
  /** Milliseconds until the next attempt, by the database's clock. Ignored for the dead. */
  readonly delay: number;
}

/** How things stand in the database. Counts stop at `countedUpTo`: one that is equal to it means that many or more. */
export interface StoreStats {
  /** Not yet published, due or not. */
  readonly pending: number;
  /** Pending, and its time has come: with a relay at work, on its way, or waiting behind a failed event of its key. */
  readonly due: number;
  /**
   * Pending after at least one failed attempt. Counted among the first `countedUpTo` that have failed, dead ones included:
   * a lower bound where there are more.
   */
  readonly retrying: number;
  readonly dead: number;
  /** Age in ms of the oldest event that is due and unpublished; 0 when there is none. */
  readonly lag: number;
  /** The number at which the counts stop. */
  readonly countedUpTo: number;
  /** Nothing can be written: the server is a standby, or sessions are read-only by its settings. */
  readonly readOnly: boolean;
  /** The relays of all processes, in the order they came. */
  readonly owners: readonly SeenRelay[];
}

/** A relay as the database knows it, in whatever process it is. */
export interface SeenRelay {
  readonly service: string;
  readonly host: string;
  readonly pid: number;
  /** The lanes it holds, as the locks say; none when it stands by, or is no more. */
  readonly lanes: readonly number[];
  /** Milliseconds since it last told of itself, by the database's clock. One that is well does so every 5 s. */
  readonly seen: number;
  /** What it told. */
  readonly report: object;
}
