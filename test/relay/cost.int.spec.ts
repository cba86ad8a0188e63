import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually, startApp } from '../support/outbox-app.js';
import { databaseUrl } from '../support/services.js';
import { watchStatements } from '../support/statements.mjs';
import { TcpProxy } from '../support/tcp-proxy.mjs';
import { events, RelayStage } from './stage.js';

/** Enough for many full batches. */
const EVENTS = 20_000;

describe('what an event costs the database', () => {
  let proxy: TcpProxy;
  let stage: RelayStage;
  let statements = 0;

  beforeAll(async () => {
    proxy = await TcpProxy.start(databaseUrl(), () => ({
      client: watchStatements((executed) => (statements += executed)),
    }));
  });
  afterAll(() => proxy?.close());
  beforeEach(async () => {
    stage = await RelayStage.open();
  });
  afterEach(() => stage.close());

  test.each([
    ['deleted', '0s', 2],
    ['kept', '7d', 3],
  ] as const)(
    'that is %s when it is published: 0.02 statements and %s versions of a row at most',
    async (_, retention, versions) => {
      const relay = await stage.relay({ retention }, { url: proxy.url });
      relay.relay.pause();
      await emitAndForget();
      statements = 0;
      relay.relay.resume();
      await eventually(() => relay.relay.counts.published === EVENTS, 40_000);
      expect(statements / EVENTS).toBeLessThanOrEqual(0.02);
      expect(statements).toBeGreaterThan(0);
      await stage.stopRelays();
      expect((await rowVersions()) / EVENTS).toBeLessThanOrEqual(versions);
    },
  );

  /** By an application that ends: PostgreSQL knows for certain what a backend has done once it is gone. */
  async function emitAndForget(): Promise<void> {
    const emitter = await startApp(stage.playground, { options: { relay: { enabled: false } } });
    const { dataSource, outbox } = emitter;
    await dataSource.transaction((manager) => outbox.emitMany(manager, events(EVENTS, { keys: 100 })));
    await emitter.close();
  }

  /** Rows inserted, updated and deleted in the outbox. */
  async function rowVersions(): Promise<number> {
    const sums = await eventually(async () => {
      const [row] = await stage.playground.sql<{ inserted: string; settled: string }>(
        `SELECT sum(n_tup_ins) AS inserted, sum(n_tup_upd + n_tup_del) AS settled
         FROM pg_stat_all_tables WHERE schemaname = $1 AND relname = 'outbox'`,
        [stage.playground.name],
      );
      const [inserted, settled] = [Number(row?.inserted), Number(row?.settled)];
      return inserted >= EVENTS && settled >= EVENTS && { inserted, settled };
    });
    return sums.inserted + sums.settled;
  }
});
