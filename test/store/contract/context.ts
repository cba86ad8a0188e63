import { afterAll, afterEach, beforeAll, beforeEach, jest } from '@jest/globals';
import { OutboxEventEntity } from 'nestjs-rabbitmq-outbox';
import type { DataSource, QueryRunner } from 'typeorm';
import type { EmitOptions } from '../../../lib/emit/emit-options.js';
import { newEvent } from '../../../lib/emit/new-event.js';
import { Codecs } from '../../../lib/event/codecs/codecs.js';
import type { NewEvent } from '../../../lib/event/envelope.js';
import { LaneSet } from '../../../lib/event/lane.js';
import type { Archive } from '../../../lib/event/archive.js';
import type {
  EventReader,
  OutboxStore,
  PendingEvent,
  RelaySeat,
  Settlement,
} from '../../../lib/store/store.js';

export interface StoreSettings {
  /** Later events of a key wait behind a dead one. Default `true`. */
  parking?: boolean;
  /** Default `false`. */
  deletePublished?: boolean;
  archive?: Archive;
  /** Milliseconds that the database has to answer. Default 30,000. */
  idleTimeout?: number;
}

/** A database with the outbox tables in it, and stores on it. */
export interface StoreFixture {
  /** The application's data source. Knows `OutboxEventEntity`. */
  readonly dataSource: DataSource;
  /** Every statement of data source and stores, in the order they were sent. */
  readonly statements: string[];
  open(settings?: StoreSettings): OutboxStore;
  /** Removes all rows. */
  clear(): Promise<void>;
  /** Kills every connection of the stores. */
  killConnections(): Promise<void>;
  /** Makes the rows of these events this many milliseconds older, in every respect. */
  age(ids: readonly string[], ms: number): Promise<void>;
  /** What is in the archive, in the order it came there. */
  archived(): Promise<Array<Record<string, unknown>>>;
  close(): Promise<void>;
}

export const NO_OUTCOME: Settlement = { published: [], returned: [], rescheduled: [], dead: [] };

/** What was found, if anything was. */
export const some = <T>(found: readonly T[]) => (found.length > 0 ? found : undefined);

/** One relay alone. */
export const EVERY_LANE = new LaneSet(1, new Set([0]));

export type StoreContext = ReturnType<typeof useStores>;

/** An empty outbox for each test, and what tests do with it. What they open or claim is given back after them. */
export function useStores(createFixture: () => Promise<StoreFixture>) {
  let database: StoreFixture;
  let stores: OutboxStore[];
  let seats: RelaySeat[];
  let runners: QueryRunner[];

  beforeAll(async () => {
    database = await createFixture();
  });
  afterAll(() => database?.close());
  beforeEach(async () => {
    stores = [];
    seats = [];
    runners = [];
    await database.clear();
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await Promise.all(seats.map((seat) => seat.leave()));
    await Promise.all(stores.map((store) => store.close()));
    for (const runner of runners) {
      if (runner.isTransactionActive) await runner.rollbackTransaction();
      if (!runner.isReleased) await runner.release();
    }
  });

  const open = (settings?: StoreSettings) => {
    const store = database.open(settings);
    stores.push(store);
    return store;
  };
  const begin = async () => {
    const runner = database.dataSource.createQueryRunner();
    runners.push(runner);
    await runner.startTransaction();
    return runner;
  };
  const event = (type: string, options: EmitOptions = {}, payload: unknown = { type }): NewEvent =>
    newEvent(
      { type, payload, options },
      { codecs: new Codecs(), format: 'plain', source: 'tests', maxPayload: 16 * 1024 * 1024 },
    );
  const append = async (store: OutboxStore, ...events: NewEvent[]) => {
    const runner = await begin();
    await store.append(runner, events);
    await runner.commitTransaction();
    await runner.release();
  };
  const numbered = (count: number, options: (index: number) => EmitOptions = () => ({})) =>
    Array.from({ length: count }, (_, index) => event(`event.${index + 1}`, options(index)));
  const read = (reader: EventReader, limit = 100, lanes = EVERY_LANE) => reader.read(limit, () => lanes);
  const typesOf = (events: readonly PendingEvent[]) => events.map(({ type }) => type);
  const readTypes = async (reader: EventReader, limit?: number) => typesOf(await read(reader, limit));
  const rows = () => database.dataSource.getRepository(OutboxEventEntity).find({ order: { seq: 'ASC' } });
  const states = async () => Object.fromEntries((await rows()).map(({ type, state }) => [type, state]));
  const fail = async (store: OutboxStore, reader: EventReader, kind: 'rescheduled' | 'dead', delay = 0) => {
    const events = await read(reader, 1);
    if (events.length === 0) throw new Error('There is nothing to fail.');
    const failures = events.map(({ seq, attempts }) => ({ seq, attempts, error: 'Error: no', delay }));
    await store.settle({ ...NO_OUTCOME, [kind]: failures });
  };
  const settleAll = (
    store: OutboxStore,
    events: readonly PendingEvent[],
    kind: 'published' | 'returned' = 'published',
  ) => store.settle({ ...NO_OUTCOME, [kind]: events });
  const openSeat = (store: OutboxStore, lanes = 4) => {
    const seat = store.openSeat({ service: 'test', host: 'here', pid: 1, lanes });
    seats.push(seat);
    return seat;
  };

  return {
    fixture: () => database,
    open,
    begin,
    event,
    append,
    numbered,
    read,
    openSeat,
    typesOf,
    readTypes,
    rows,
    states,
    fail,
    settleAll,
  };
}
