import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Archive } from '../../lib/event/archive.js';
import type { EventReader } from '../../lib/store/store.js';
import { EVERY_LANE, type StoreFixture } from './contract/context.js';
import { postgresFixture } from './postgres-fixture.js';

let database: StoreFixture;

beforeAll(async () => {
  database = await postgresFixture();
});

afterAll(() => database.close());

beforeEach(async () => {
  await database.clear();
  await sql('ALTER TABLE $outbox SET (autovacuum_enabled = off)');
});

const sql = (text: string, parameters: unknown[] = []): Promise<unknown> => {
  const { dataSource } = database;
  const { tablePath } = dataSource.getMetadata('OutboxEventEntity');
  return dataSource.query(text.replaceAll('$outbox', tablePath), parameters);
};

const insert = (events: number, columns = '', values = '') =>
  sql(
    `INSERT INTO $outbox (id, type, payload, content_type, lane${columns})
     SELECT gen_random_uuid(), 'a', '\\x', 'text/plain', 0${values} FROM generate_series(1, $1) i`,
    [events],
  );

const read = (reader: EventReader) => reader.read(500, () => EVERY_LANE);

/** Until little is expected. */
async function readAll(reader: EventReader): Promise<void> {
  while ((await read(reader)).length > 0 || !reader.isExhausted);
}

/** How long it takes to write and to read fifty events one by one, in milliseconds. */
async function timeOfFifty(reader: EventReader): Promise<number> {
  const began = performance.now();
  for (let turn = 0; turn < 50; turn++) {
    await insert(1);
    expect(await read(reader)).toHaveLength(1);
  }
  return performance.now() - began;
}

/** A table that is used as a queue is never as it was when its statistics were taken. */
describe('with statistics from before anything was published', () => {
  const EVENTS = 60_000;
  /** A step takes a tenth of a second, in a bad plan half a minute. */
  const PATIENCE = 5_000;

  test.each<[string, Archive | undefined]>([
    ['removed', undefined],
    ['moved to the archive', 'table'],
    ['handed to a function', () => Promise.resolve()],
  ])('what has expired is %s by index, and in time', async (_, archive) => {
    await insert(EVENTS);
    await sql('ANALYZE $outbox');
    await sql(
      `UPDATE $outbox SET state = 'published', created_at = now() - interval '2h', published_at = now() - interval '1h'`,
    );
    const store = database.open({ archive, idleTimeout: PATIENCE });
    try {
      let count = 0;
      for await (const pruned of store.prune(1_000, 5_000)) count += pruned;
      expect(count).toBe(EVENTS);
    } finally {
      await store.close();
    }
  });
});

/** Each of them holds back what has its key, which every read has to know of every event. */
describe('with failed events of two hundred thousand keys', () => {
  test('a read takes no longer than with none', async () => {
    await insert(200_000, ', key, state, errors', `, 'failed-' || i, 'dead', '[{}]'`);
    await insert(10_000, ', key', `, 'key-' || i`);
    const store = database.open();
    try {
      const reader = store.openReader();
      const began = performance.now();
      let count = 0;
      for (let turn = 0; turn < 20; turn++) count += (await read(reader)).length;
      expect(count).toBe(10_000);
      // A tenth of a second as a rule; nine, if every read looked at all of them.
      expect(performance.now() - began).toBeLessThan(3_000);
    } finally {
      await store.close();
    }
  });
});

/** Reminders of next week. */
describe('with two hundred thousand scheduled events', () => {
  test('to read what has just come takes no longer than with none', async () => {
    await insert(200_000, ', available_at', `, now() + interval '1 week'`);
    const store = database.open();
    try {
      const reader = store.openReader();
      await readAll(reader);
      // A tenth of a second as a rule; two, if every read looked at all of them.
      expect(await timeOfFifty(reader)).toBeLessThan(1_000);
      expect(reader.nextDue).toBeGreaterThan(500_000_000);
    } finally {
      await store.close();
    }
  });
});

/** Dead or parked for weeks: little is read while they are there. */
describe('with two hundred thousand events that wait behind a dead one of their key', () => {
  test('a plan that was made for an empty table is still a good one', async () => {
    const store = database.open();
    try {
      const reader = store.openReader();
      await readAll(reader);
      await insert(1, ', key, state, errors', `, 'k', 'dead', '[{}]'`);
      await insert(200_000, ', key', `, 'k'`);
      await readAll(reader);
      expect(await timeOfFifty(reader)).toBeLessThan(1_000);
    } finally {
      await store.close();
    }
  });
});
