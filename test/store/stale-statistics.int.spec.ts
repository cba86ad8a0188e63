import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Archive } from '../../lib/event/archive.js';
import type { StoreFixture } from './contract/context.js';
import { postgresFixture } from './postgres-fixture.js';

const EVENTS = 60_000;
/** A step takes a tenth of a second, in a bad plan half a minute. */
const PATIENCE = 5_000;

/** A table that is used as a queue is never as it was when its statistics were taken. */
describe('with statistics from before anything was published', () => {
  let database: StoreFixture;

  beforeAll(async () => {
    database = await postgresFixture();
  });

  afterAll(() => database.close());

  beforeEach(async () => {
    await database.clear();
    const { dataSource } = database;
    const outbox = dataSource.getMetadata('OutboxEventEntity').tablePath;
    await dataSource.query(`ALTER TABLE ${outbox} SET (autovacuum_enabled = off)`);
    await dataSource.query(
      `INSERT INTO ${outbox} (id, type, payload, content_type, lane)
       SELECT gen_random_uuid(), 'a', '\\x', 'text/plain', 0 FROM generate_series(1, $1)`,
      [EVENTS],
    );
    await dataSource.query(`ANALYZE ${outbox}`);
    await dataSource.query(
      `UPDATE ${outbox} SET state = 'published', created_at = now() - interval '2h', published_at = now() - interval '1h'`,
    );
  });

  test.each<[string, Archive | undefined]>([
    ['removed', undefined],
    ['moved to the archive', 'table'],
    ['handed to a function', () => Promise.resolve()],
  ])('what has expired is %s by index, and in time', async (_, archive) => {
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
