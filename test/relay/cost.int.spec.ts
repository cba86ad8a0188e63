import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { eventually, startApp } from '../support/outbox-app.js';
import { startPgBouncer, type PgBouncer } from '../support/pgbouncer.mjs';
import { databaseUrl } from '../support/services.js';
import { watchStatements } from '../support/statements.mjs';
import { TcpProxy } from '../support/tcp-proxy.mjs';
import { events, RelayStage } from './stage.js';

/** Enough for many full batches. */
const EVENTS = 20_000;

describe('what an event costs the database', () => {
  let stage: RelayStage;
  let proxy: TcpProxy | undefined;
  let pooler: PgBouncer | undefined;
  let statements = 0;

  beforeEach(async () => {
    stage = await RelayStage.open();
  });
  afterEach(async () => {
    await stage.close();
    await proxy?.close();
    await pooler?.close();
    pooler = undefined;
  });

  test.each([
    ['deleted', 2, '0s', false],
    ['kept', 3, '7d', false],
    ['kept, behind a pooler that pools by transaction,', 3, '7d', true],
  ] as const)(
    'that is %s when it is published: 0.02 statements and %s versions of a row at most, at full batches',
    async (_, versions, retention, pooled) => {
      if (pooled) pooler = await startPgBouncer(databaseUrl());
      proxy = await TcpProxy.start(pooler?.url ?? databaseUrl(), () => ({
        client: watchStatements((executed) => (statements += executed)),
      }));
      // As many on their way as there are, and nobody in a hurry: how full batches are is not to depend on the machine.
      const relay = { window: EVENTS, publishTimeout: '1m' } as const;
      const app = await stage.relay({ retention, relay }, { url: proxy.url });
      app.relay.pause();
      await emitAndForget();
      const release = await holdUpSettling();
      statements = 0;
      app.relay.resume();
      await eventually(async () => (await stage.waiting()) === EVENTS, 60_000);
      await release();
      await eventually(() => app.relay.counts.published === EVENTS, 40_000);
      expect(statements / EVENTS).toBeLessThanOrEqual(0.02);
      expect(statements).toBeGreaterThan(0);
      await stage.stopRelays();
      // And with it the backends it keeps.
      await pooler?.close();
      expect((await rowVersions()) / EVENTS).toBeLessThanOrEqual(versions);
    },
  );

  /** SHARE conflicts with the UPDATE or DELETE of a settle, not with reading. */
  async function holdUpSettling(): Promise<() => Promise<void>> {
    const client = new pg.Client({ connectionString: databaseUrl() });
    await client.connect();
    await client.query(`BEGIN; LOCK TABLE ${stage.table} IN SHARE MODE`);
    return () => client.end();
  }

  /** By an application that ends: PostgreSQL knows for certain what a backend has done once it is gone. */
  async function emitAndForget(): Promise<void> {
    const emitter = await startApp(stage.playground, { options: { relay: { enabled: false } } });
    const { dataSource, outbox } = emitter;
    await dataSource.transaction((manager) => outbox.emitMany(manager, events(EVENTS, { keys: 1_000 })));
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
