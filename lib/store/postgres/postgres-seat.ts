import type { RelayAnnouncement, RelayCensus, RelaySeat } from '../store.js';
import type { Connection } from './connection.js';
import type { RelayConnections } from './relay-connections.js';
import { addRelay, removeRelay, seeRelay } from './statements/announce.js';
import { census, laneOf, lockLane, lockSeat, type CensusRow } from './statements/lanes.js';
import type { Tables } from './tables.js';

export interface SeatSettings {
  readonly tables: Tables;
  /** Milliseconds after which the database frees the seat of a process that no longer moves. */
  readonly idleTimeout: number;
}

interface Place {
  readonly id: number;
  /** Of the outbox's table. */
  readonly oid: string;
}

/**
 * A seat is an open transaction on a connection of its own, and a lane an advisory lock in it. Both end with the
 * connection: no lease to outlive, no clock to trust. Under READ COMMITTED a transaction that waits has no snapshot and
 * no number, so it holds back no vacuum; a pooler in transaction mode leaves it its connection. It touches no table, or
 * it would hold that against every `ALTER TABLE`.
 *
 * Advisory locks of a transaction cannot be let go of one by one, but those taken after a savepoint go when it is rolled
 * back: each lane is a savepoint, and given back are the ones taken last.
 */
export class PostgresSeat implements RelaySeat {
  private connection: Connection | undefined;
  private known: Place | undefined;
  private readonly held: number[] = [];
  private lost: (error: Error) => void = () => undefined;

  constructor(
    private readonly connections: RelayConnections,
    private readonly announcement: RelayAnnouncement,
    private readonly settings: SeatSettings,
  ) {}

  onLost(listener: (error: Error) => void): void {
    this.lost = listener;
  }

  async take(): Promise<void> {
    if (this.connection) return;
    // Whatever has become of the seat before, nobody can still hold this one's lock.
    const { id, oid } = await this.enter();
    const connection = await this.connections.connect();
    try {
      await connection.script(begin(this.settings.idleTimeout));
      await connection.script([lockSeat(oid, id)]);
    } catch (error) {
      await connection.destroy();
      throw error;
    }
    connection.onLost((error) => this.forget(connection, error));
    this.connection = connection;
  }

  async hold(lanes: readonly number[]): Promise<number[]> {
    const taken: number[] = [];
    for (const lane of lanes) if (!this.held.includes(lane) && (await this.holdOne(lane))) taken.push(lane);
    return taken;
  }

  async giveBack(count: number): Promise<void> {
    const given = this.held.splice(this.held.length - count);
    const [first] = given;
    if (first !== undefined) await this.onSeat((seat) => seat.script(undo(first)));
  }

  async census(): Promise<RelayCensus> {
    const { lanes } = this.announcement;
    const [rows] = await this.onSeat((seat) => seat.script([census(this.tableOid())]));
    const seats = rows as CensusRow[];
    const taken = new Set(seats.flatMap(({ granules }) => granules.map((granule) => laneOf(granule, lanes))));
    const share = ({ granules }: CensusRow) =>
      new Set(granules.map((granule) => laneOf(granule, lanes))).size;
    return {
      shares: seats.filter(({ seat }) => seat !== null).map(share),
      free: Array.from({ length: lanes }, (_, lane) => lane).filter((lane) => !taken.has(lane)),
    };
  }

  async announce(report: object): Promise<void> {
    const { id } = this.known ?? (await this.enter());
    const { tables } = this.settings;
    const seen = { lanes: this.held.length, report };
    await this.connections.query(seeRelay(tables, id, this.announcement, seen));
  }

  async leave(gone = true): Promise<void> {
    const { connection, known } = this;
    this.connection = undefined;
    this.held.length = 0;
    if (connection) await end(connection);
    if (!gone || !known) return;
    this.known = undefined;
    await this.connections.query(removeRelay(this.settings.tables, known.id)).catch(() => undefined);
  }

  /** Into the table of relays, where it is known by another number from here on. */
  private async enter(): Promise<Place> {
    const { known: before } = this;
    const { tables } = this.settings;
    const [row] = await this.connections.query<Place>(addRelay(tables, this.announcement));
    const entered = row as Place;
    this.known = entered;
    if (before) await this.connections.query(removeRelay(tables, before.id));
    return entered;
  }

  private tableOid(): string {
    return this.known?.oid ?? '';
  }

  private async holdOne(lane: number): Promise<boolean> {
    const { lanes } = this.announcement;
    const results = await this.onSeat((seat) =>
      seat.script([`SAVEPOINT ${savepoint(lane)}`, lockLane(this.tableOid(), lane, lanes)]),
    );
    const [row] = results.at(-1) as Array<{ locked: boolean }>;
    if (row?.locked) this.held.push(lane);
    else await this.onSeat((seat) => seat.script(undo(lane)));
    return row?.locked ?? false;
  }

  private async onSeat<T>(work: (seat: Connection) => Promise<T>): Promise<T> {
    const { connection } = this;
    if (!connection) throw new Error('The relay has no seat at the outbox.');
    try {
      return await work(connection);
    } catch (error) {
      this.forget(connection, error as Error);
      throw error;
    }
  }

  private forget(connection: Connection, error: Error): void {
    if (this.connection !== connection) return;
    this.connection = undefined;
    this.held.length = 0;
    void connection.destroy();
    this.lost(error);
  }
}

/** The locks are free when this has resolved; unless the server cannot be told, then when it notices. */
async function end(connection: Connection): Promise<void> {
  try {
    await connection.script(['ROLLBACK']);
    await connection.release();
  } catch {
    await connection.destroy();
  }
}

/** `transaction_timeout`, which PostgreSQL has from 17 on, would end a transaction however alive it is. */
const begin = (idleTimeout: number): string[] => [
  'BEGIN ISOLATION LEVEL READ COMMITTED',
  `SET LOCAL idle_in_transaction_session_timeout = ${Math.ceil(idleTimeout)}`,
  "SELECT set_config(name, '0', true) FROM pg_settings WHERE name = 'transaction_timeout'",
];

const savepoint = (lane: number) => `lane_${lane}`;

const undo = (lane: number): string[] => [
  `ROLLBACK TO SAVEPOINT ${savepoint(lane)}`,
  `RELEASE SAVEPOINT ${savepoint(lane)}`,
];
