import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/outbox-app.js';
import { startPgBouncer, type PgBouncer } from '../support/pgbouncer.mjs';
import { databaseUrl } from '../support/services.js';
import { events, idsOf, inversions, RelayStage } from './stage.js';

describe('behind a pooler that pools by transaction', () => {
  let pooler: PgBouncer;
  let stage: RelayStage;

  beforeAll(async () => {
    pooler = await startPgBouncer(databaseUrl());
    // The tables are made through it, too.
    stage = await RelayStage.open({ databaseUrl: pooler.url });
  });
  afterAll(async () => {
    await stage?.close();
    await pooler?.close();
  });
  afterEach(async () => {
    await stage.stopRelays();
    await stage.clear();
  });

  async function expectAll(ids: readonly string[]): Promise<void> {
    await stage.settled(40_000);
    const received = await stage.receive();
    expect(new Set(idsOf(received))).toEqual(new Set(ids));
    expect(received).toHaveLength(ids.length);
    expect(inversions(received)).toEqual([]);
  }

  test('a relay publishes every event once, and keeps the order of their keys', async () => {
    const ids = await stage.emit(events(2_000, { keys: 7 }));
    await stage.relay();
    await expectAll(ids);
  });

  test('a relay of another process finds new events by itself', async () => {
    const process = await stage.process({ relay: { pollInterval: 100 } });
    const ids = await stage.emit(events(50, { keys: 7 }));
    await expectAll(ids);
    ids.splice(0, ids.length, ...(await stage.emit(events(50, { keys: 7 }))));
    await expectAll(ids);
    await process.close();
  });

  test('a relay that is killed leaves nothing locked: another goes on at once', async () => {
    const options = { relay: { batchSize: 50, pollInterval: 50 } };
    const ids = await stage.emit(events(5_000, { keys: 50 }));
    const doomed = await stage.process(options);
    await eventually(async () => (await stage.waiting()) > 500);
    await doomed.kill();
    await stage.process(options);
    await stage.settled(40_000);
    expect(new Set(idsOf(await stage.receive()))).toEqual(new Set(ids));
  });

  test('more connections than the pooler has are waited for', async () => {
    const narrow = await startPgBouncer(databaseUrl(), { poolSize: 4 });
    try {
      const ids = await stage.emit(events(1_000, { keys: 7 }));
      const { playground } = stage;
      const app = await stage.relay({ relay: { pollInterval: 50 } }, { url: narrow.url });
      const emitting = Array.from({ length: 50 }, (_, index) =>
        app.emit('order.placed', 1_000 + index, { key: 'key-0' }),
      );
      await Promise.all(emitting);
      await stage.settled(40_000);
      expect(new Set(idsOf(await stage.receive())).size).toBe(ids.length + emitting.length);
      expect(playground.databaseUrl).toBe(pooler.url);
      await stage.stopRelays();
    } finally {
      await narrow.close();
    }
  });
});
