import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, startApp, type TestApp } from '../support/outbox-app.js';
import { events, idsOf, RelayStage } from './stage.js';

/** So rare that nothing here can be due to a poll. */
const HARDLY_EVER = { pollInterval: '1h' } as const;

describe('a relay is woken by commits of other processes', () => {
  let stage: RelayStage;
  const emitters: TestApp[] = [];

  beforeAll(async () => {
    stage = await RelayStage.open();
  });
  afterAll(() => stage?.close());
  afterEach(async () => {
    await Promise.all(emitters.splice(0).map((app) => app.close()));
    await stage.stopRelays();
    await stage.clear();
  });
  async function emitter(wakeUp: 'auto' | 'poll' = 'auto'): Promise<TestApp> {
    const app = await startApp(stage.playground, { options: { relay: { enabled: false, wakeUp } } });
    emitters.push(app);
    return app;
  }

  /** Listening begins a moment after the start; what is committed before is found by the first look. */
  async function listening(relay: TestApp): Promise<TestApp> {
    await eventually(async () => {
      const before = relay.relay.counts.published;
      await stage.emit(events(1));
      return eventually(() => relay.relay.counts.published > before, 500).catch(() => false);
    });
    await stage.clear();
    return relay;
  }

  test('without waiting for its poll', async () => {
    await listening(await stage.relay({ relay: HARDLY_EVER }));
    const app = await emitter();
    const ids: string[] = [];
    for (let round = 0; round < 10; round++) ids.push(await app.emit('order.placed', round));
    await stage.settled();
    expect(idsOf(await stage.receive())).toEqual(ids);
  });

  test('and the user’s own transactions never notify: one that is open holds up no other', async () => {
    await listening(await stage.relay({ relay: HARDLY_EVER }));
    const app = await emitter();
    await app.dataSource.transaction(async (manager) => {
      await app.outbox.emit(manager, 'order.open', {});
      const [locks] = await stage.playground.sql<{ count: number }>(
        `SELECT count(*)::int AS count FROM pg_locks WHERE locktype = 'object' AND classid = 'pg_database'::regclass`,
      );
      expect(locks?.count).toBe(0);
      await app.emit('order.placed');
      await eventually(async () => (await stage.waiting()) === 1);
    });
    await stage.settled();
  });

  test('not at all if told to poll', async () => {
    const relay = await listening(await stage.relay({ relay: HARDLY_EVER }));
    const app = await emitter('poll');
    await app.emit('order.placed');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await stage.waiting()).toBe(0);
    relay.relay.wake();
    await stage.settled();
  });

  test('again after the connection it listened on was lost', async () => {
    const relay = await stage.relay(
      { relay: HARDLY_EVER },
      { applicationName: `${stage.playground.name}_ear` },
    );
    await listening(relay);
    const killed = await stage.playground.sql(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name = $1 AND query LIKE 'LISTEN%'`,
      [`${stage.playground.name}_ear`],
    );
    expect(killed).toHaveLength(1);
    await listening(relay);
  });
});
