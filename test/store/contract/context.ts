import { afterAll, afterEach, beforeAll, beforeEach, jest } from '@jest/globals';
import { OutboxEventEntity } from 'nestjs-rabbitmq-outbox';
import type { DataSource, QueryRunner } from 'typeorm';
import type { EmitOptions } from '../../../lib/emit/emit-options.js';
import { newEvent } from '../../../lib/emit/new-event.js';
import { Codecs } from '../../../lib/event/codecs/codecs.js';
import type { NewEvent } from '../../../lib/event/envelope.js';
import type { Claim, EventReader, OutboxStore, Settlement } from '../../../lib/store/store.js';

export interface StoreSettings {
  /** Later events of a key wait behind a dead one. Default `true`. */
  parking?: boolean;
  /** Default `false`. */
  deletePublished?: boolean;
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
  /** Kills every connection that holds a claim. */
  killClaims(): Promise<void>;
  /** Makes the rows of these events this many milliseconds older, in every respect. */
  age(ids: readonly string[], ms: number): Promise<void>;
  close(): Promise<void>;
}

export const NO_OUTCOME: Settlement = { published: [], returned: [], rescheduled: [], dead: [] };

export type StoreContext = ReturnType<typeof useStores>;

/** An empty outbox for each test, and what tests do with it. What they open or claim is given back after them. */
export function useStores(createFixture: () => Promise<StoreFixture>) {
  let database: StoreFixture;
  let stores: OutboxStore[];
  let claims: Claim[];
  let runners: QueryRunner[];

  beforeAll(async () => {
    database = await createFixture();
  });
  afterAll(() => database?.close());
  beforeEach(async () => {
    stores = [];
    claims = [];
    runners = [];
    await database.clear();
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await Promise.all(claims.map((claim) => claim.release()));
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
      { codecs: new Codecs(), format: 'plain', source: 'tests', maxPayload: 1_000_000 },
    );
  const append = async (store: OutboxStore, ...events: NewEvent[]) => {
    const runner = await begin();
    await store.append(runner, events);
    await runner.commitTransaction();
    await runner.release();
  };
  const numbered = (count: number, options: (index: number) => EmitOptions = () => ({})) =>
    Array.from({ length: count }, (_, index) => event(`event.${index + 1}`, options(index)));
  const claim = async (reader: EventReader, limit = 100) => {
    const claimed = await reader.claim(limit);
    if (claimed) claims.push(claimed);
    return claimed;
  };
  const typesOf = (claimed: Claim | undefined) => claimed?.events.map(({ type }) => type) ?? [];
  const claimTypes = async (reader: EventReader, limit?: number) => typesOf(await claim(reader, limit));
  const rows = () => database.dataSource.getRepository(OutboxEventEntity).find({ order: { seq: 'ASC' } });
  const states = async () => Object.fromEntries((await rows()).map(({ type, state }) => [type, state]));
  const fail = async (reader: EventReader, kind: 'rescheduled' | 'dead', delay = 0) => {
    const claimed = await claim(reader, 1);
    if (!claimed) throw new Error('There is nothing to fail.');
    const failures = claimed.events.map(({ seq }) => ({ seq, error: 'Error: no', delay }));
    await claimed.settle({ ...NO_OUTCOME, [kind]: failures });
  };
  const settleAll = async (claimed: Claim | undefined, kind: 'published' | 'returned' = 'published') => {
    await claimed?.settle({ ...NO_OUTCOME, [kind]: claimed.events.map(({ seq }) => seq) });
  };

  return {
    fixture: () => database,
    open,
    begin,
    event,
    append,
    numbered,
    claim,
    typesOf,
    claimTypes,
    rows,
    states,
    fail,
    settleAll,
  };
}
