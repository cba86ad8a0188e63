import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { startPostgres } from '../support/postgres.mjs';
import { eventually, type TestApp } from '../support/outbox-app.js';
import { events, expectUnharmed, RelayStage } from './stage.js';

const OPTIONS = { relay: { pollInterval: 50, batchSize: 50 } };

describe('a database in trouble', () => {
  let server: Awaited<ReturnType<typeof startPostgres>>;
  let stage: RelayStage;

  beforeAll(async () => {
    server = await startPostgres();
    stage = await RelayStage.open({ databaseUrl: server.url });
  });
  afterAll(async () => {
    await stage?.close();
    await server?.close();
  });
  afterEach(async () => {
    await stage.stopRelays();
    await server.start();
    await stage.clear();
  });

  const published = ({ relay }: TestApp) => relay.counts.published;

  test('that kills the relay’s connections again and again costs duplicates at most', async () => {
    const ids = await stage.emit(events(5_000, { keys: 11 }));
    const applicationName = `${stage.playground.name}_relay`;
    const relay = await stage.relay(OPTIONS, { applicationName });
    for (let round = 0; round < 5; round++) {
      const before = published(relay);
      await eventually(() => published(relay) > before + 200);
      const killed = await stage.playground.sql(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1',
        [applicationName],
      );
      expect(killed.length).toBeGreaterThan(0);
    }
    await expectUnharmed(stage, ids);
  });

  test.each(['fast', 'immediate'] as const)(
    'that is restarted (%s) under load: nothing is lost, no attempt is spent, no order is broken',
    async (mode) => {
      const ids = await stage.emit(events(5_000, { keys: 11 }));
      const relay = await stage.relay(OPTIONS);
      await eventually(() => published(relay) > 500);
      await server.restart(mode);
      await expectUnharmed(stage, ids);
      expect(await relay.relay.stats()).toMatchObject({ breaker: 'closed', dead: 0 });
    },
  );

  test('that is away for a while is waited for', async () => {
    const relay = await stage.relay(OPTIONS);
    const ids = await stage.emit(events(10));
    await stage.settled();
    await server.stop();
    await eventually(() =>
      relay.relay.stats().then(
        () => false,
        () => true,
      ),
    );
    await server.start();
    await eventually(() => relay.relay.stats().catch(() => undefined));
    ids.push(...(await stage.emit(events(10).map((event) => ({ ...event, payload: 11 })))));
    await expectUnharmed(stage, ids);
  });
});
