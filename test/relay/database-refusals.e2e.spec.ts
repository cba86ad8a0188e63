import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { eventually, type TestApp } from '../support/outbox-app.js';
import { startPostgres } from '../support/postgres.mjs';
import { events, expectUnharmed, RelayStage } from './stage.js';

const OPTIONS = { relay: { pollInterval: 50, batchSize: 50, window: 100 } };

const REFUSALS = 3;
const OF_APPLICATION = 'FROM pg_stat_activity WHERE application_name = $1';
const TERMINATE = `SELECT pg_terminate_backend(pid) ${OF_APPLICATION}`;
const COUNT = `SELECT count(*) ${OF_APPLICATION}`;

describe('a database that refuses', () => {
  let server: Awaited<ReturnType<typeof startPostgres>>;
  let stage: RelayStage;

  beforeAll(async () => {
    server = await startPostgres({ settings: { max_connections: 40 } });
    stage = await RelayStage.open({ databaseUrl: server.url });
  });
  afterAll(async () => {
    await stage?.close();
    await server?.close();
  });
  afterEach(async () => {
    await stage.stopRelays();
    await stage.clear();
  });

  const published = ({ relay }: TestApp) => relay.counts.published;

  async function setServer(name: string, value: string): Promise<void> {
    await stage.playground.sql(`ALTER SYSTEM SET ${name} = ${value}`);
    await stage.playground.sql('SELECT pg_reload_conf()');
  }

  test('to write, as the node it failed over to does: the relay waits, and does not publish the same again and again', async () => {
    const ids = await stage.emit(events(3_000, { keys: 11 }));
    const relay = await stage.relay(OPTIONS);
    await eventually(() => published(relay) > 300);
    await setServer('default_transaction_read_only', 'on');
    try {
      await eventually(async () => (await relay.relay.stats()).breaker === 'open');
      const waiting = await stage.waiting();
      await eventually(async () => (await relay.relay.stats()).lag > 3_000);
      // What was on its way when it began, once; and another time if its outcome was forgotten.
      expect((await stage.waiting()) - waiting).toBeLessThanOrEqual(2 * OPTIONS.relay.window);
    } finally {
      await setServer('default_transaction_read_only', 'off');
    }
    expect(await expectUnharmed(stage, ids)).toBeLessThanOrEqual(3);
    expect(await relay.relay.stats()).toMatchObject({ breaker: 'closed', dead: 0 });
  });

  test('more connections: the relay waits until there is one', async () => {
    const applicationName = `${stage.playground.name}_relay`;
    const ids = await stage.emit(events(2_000, { keys: 11 }));
    const relay = await stage.relay(OPTIONS, { applicationName });
    await eventually(() => published(relay) > 300);
    const others: pg.Client[] = [];
    try {
      await eventually(async () => {
        await stage.playground.sql(TERMINATE, [applicationName]);
        await takeAllConnections(others);
        const [row] = await stage.playground.sql<{ count: string }>(COUNT, [applicationName]);
        return Number(row?.count) === 0;
      });
      const before = published(relay);
      await eventually(() =>
        relay.relay.stats().then(
          () => false,
          (error: unknown) => /too many clients|connection slots/.test(String(error)),
        ),
      );
      expect(published(relay)).toBe(before);
    } finally {
      await Promise.all(others.map((client) => client.end()));
    }
    await expectUnharmed(stage, ids);
  });

  test.each([
    ['a deadlock', '40P01'],
    ['a serialization failure', '40001'],
    ['a lock that is not available', '55P03'],
    ['a cancelled statement', '57014'],
  ])('to record what was published, for %s: it is recorded later', async (_, code) => {
    const ids = await stage.emit(events(1_000, { keys: 11 }));
    const { refusals, stop } = await refuseSettling(code);
    try {
      await stage.relay(OPTIONS);
      expect(await expectUnharmed(stage, ids)).toBeLessThanOrEqual(1 + REFUSALS);
      expect(await refusals()).toBeGreaterThan(REFUSALS);
    } finally {
      await stop();
    }
  });

  /** As many clients as the server lets in. */
  async function takeAllConnections(clients: pg.Client[]): Promise<void> {
    for (;;) {
      const client = new pg.Client({ connectionString: server.url });
      client.on('error', () => undefined);
      try {
        await client.connect();
        clients.push(client);
      } catch {
        return;
      }
    }
  }

  /** The first times that somebody records an outcome. A sequence counts on when a transaction is rolled back. */
  async function refuseSettling(code: string) {
    const { playground, table } = stage;
    const { name } = playground;
    const sql = <Row>(text: string) => playground.sql<Row>(text);
    await sql(`CREATE SEQUENCE ${name}.refusals`);
    await sql(`CREATE FUNCTION ${name}.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF nextval('${name}.refusals') <= ${REFUSALS} THEN RAISE EXCEPTION 'not now' USING ERRCODE = '${code}'; END IF;
      RETURN NULL;
    END $$`);
    await sql(`CREATE TRIGGER refuse BEFORE UPDATE OR DELETE ON ${table} EXECUTE FUNCTION ${name}.refuse()`);
    return {
      refusals: async () => {
        const [row] = await sql<{ last_value: string }>(`SELECT last_value FROM ${name}.refusals`);
        return Number(row?.last_value);
      },
      stop: async () => {
        await stage.stopRelays();
        await sql(`DROP TRIGGER refuse ON ${table}`);
        await sql(`DROP FUNCTION ${name}.refuse`);
        await sql(`DROP SEQUENCE ${name}.refusals`);
      },
    };
  }
});
