import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { eventually } from '../support/outbox-app.js';
import { events, idsOf, RelayStage } from './stage.js';

describe('kill -9', () => {
  let stage: RelayStage;

  beforeAll(async () => {
    stage = await RelayStage.open();
  });
  afterAll(() => stage?.close());
  afterEach(async () => {
    await stage.stopRelays();
    await stage.clear();
  });

  const timesReceived = async () => {
    const times = new Map<string, number>();
    for (const { id } of await stage.receive()) times.set(id, (times.get(id) ?? 0) + 1);
    return times;
  };

  test('of the process that emitted, after its commit: another relay publishes its events', async () => {
    const emitter = await stage.process({ relay: { enabled: false } });
    const ids = await emitter.emit(events(10));
    await emitter.kill();
    await stage.relay();
    await stage.settled();
    expect(idsOf(await stage.receive())).toEqual(ids);
  });

  test('of the process that emitted, before its commit: its events never existed', async () => {
    const emitter = await stage.process();
    const ids = await emitter.emitOnly(events(10));
    expect(ids).toHaveLength(10);
    await emitter.kill();
    const [known] = await stage.emit(events(1));
    await stage.relay();
    await stage.settled();
    expect(await stage.rows()).toHaveLength(1);
    expect(idsOf(await stage.receive())).toEqual([known]);
  });

  test('of a relay between the confirms and the settle: another publishes again exactly what was in flight, with the same ids', async () => {
    const before = await stage.emit(events(200));
    const first = await stage.process({ relay: { batchSize: 25 } });
    await stage.settled();
    await first.kill();
    const inFlight = await stage.emit(events(100));
    // The lock lets rows be read, and keeps every settle waiting.
    const lock = await lockAgainstSettling();
    const doomed = await stage.process({ relay: { batchSize: 25 } });
    await eventually(() => lock.settlesWaiting(1));
    await eventually(async () => (await stage.waiting()) === 300);
    await doomed.kill();
    await lock.endSettles();
    await lock.release();
    await stage.relay();
    await stage.settled();
    const times = await timesReceived();
    expect(before.map((id) => times.get(id))).toEqual(Array(200).fill(1));
    expect(inFlight.map((id) => times.get(id))).toEqual(Array(100).fill(2));
    expect(times.size).toBe(300);
    expect((await stage.rows()).every(({ attempts }) => attempts === 0)).toBe(true);
  });

  test('of one relay after the other under load: nothing is lost, and only what was in flight comes twice', async () => {
    const window = 200;
    const options = { relay: { batchSize: 50, window, pollInterval: 50 } };
    const ids = await stage.emit(events(6_000, { keys: 50 }));
    const kills = 3;
    for (let killed = 1; killed <= kills; killed++) {
      const doomed = await stage.process(options);
      await eventually(async () => (await stage.waiting()) >= killed * 1_000);
      await doomed.kill();
    }
    const survivor = await stage.process(options);
    await stage.settled();
    const times = await timesReceived();
    expect(new Set(times.keys())).toEqual(new Set(ids));
    const twice = [...times.values()].reduce((sum, count) => sum + count - 1, 0);
    // Confirmed but not yet settled batches come on top of the window.
    expect(twice).toBeLessThanOrEqual(kills * window * 2);
    await survivor.close();
  });

  test('of nobody: two processes at work together publish every event once', async () => {
    const ids = await stage.emit(events(5_000, { keys: 50 }));
    const options = { relay: { batchSize: 50, pollInterval: 50 } };
    const relays = await Promise.all([stage.process(options), stage.process(options)]);
    ids.push(...(await relays[0].emit(events(1_000))));
    ids.push(...(await relays[1].emit(events(1_000))));
    await stage.settled();
    const received = idsOf(await stage.receive());
    expect(received).toHaveLength(7_000);
    expect(new Set(received)).toEqual(new Set(ids));
    await Promise.all(relays.map((relay) => relay.close()));
  });

  test('of one of two relays: the other takes over its rows at once, without waiting for a timeout', async () => {
    await stage.emit(events(50));
    const lock = await lockAgainstSettling();
    const doomed = await stage.process({ relay: { pollInterval: 50 } });
    await eventually(() => lock.settlesWaiting(1));
    const heir = await stage.relay({ relay: { pollInterval: 50, publishTimeout: '10m' } });
    expect(await heir.relay.runOnce()).toMatchObject({ claimed: 0 });
    await doomed.kill();
    await lock.endSettles();
    await lock.release();
    await stage.settled();
    expect(heir.relay.counts.published).toBe(50);
  });

  test('of nobody, but a relay is frozen: another takes over when the database has waited for it, and nothing is published by both', async () => {
    const options = { relay: { pollInterval: 50, publishTimeout: 1_000 } };
    const frozen = await stage.process(options);
    const ids = await stage.emit(events(50, { keys: 10 }));
    await stage.settled();
    frozen.freeze();
    const heir = await stage.relay(options);
    ids.push(...(await stage.emit(events(50, { keys: 10 }))));
    await stage.settled();
    expect(heir.relay.counts.published).toBe(50);
    frozen.goOn();
    ids.push(...(await frozen.emit(events(50, { keys: 10 }))));
    await stage.settled();
    const times = await timesReceived();
    expect(ids.map((id) => times.get(id))).toEqual(Array(150).fill(1));
  });

  /** SHARE conflicts with the UPDATE of a settle, not with reading; nor can anything be emitted. */
  async function lockAgainstSettling() {
    const client = new pg.Client({ connectionString: stage.playground.databaseUrl });
    await client.connect();
    await client.query(`BEGIN; LOCK TABLE ${stage.table} IN SHARE MODE`);
    return {
      settlesWaiting: async (count: number) => {
        const [row] = await stage.playground.sql<{ waiting: number }>(
          `SELECT count(*)::int AS waiting FROM pg_locks
           WHERE relation = $1::regclass AND mode = 'RowExclusiveLock' AND NOT granted`,
          [stage.table],
        );
        return (row?.waiting ?? 0) >= count;
      },
      /** A settle that waits here would still be done, although its process is dead: the server does not know yet. */
      endSettles: () =>
        stage.playground.sql(
          'SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = $1::regclass AND NOT granted',
          [stage.table],
        ),
      release: () => client.end(),
    };
  }
});
