import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { hostname } from 'node:os';
import { BrokerUnavailableError, OutboxRelay } from 'nestjs-rabbitmq-outbox';
import { eventually } from '../support/outbox-app.js';
import { events, idsOf, RelayStage } from './stage.js';

/** Of a relay whose loop is at rest, so that only the calls of a test do anything. */
const AT_REST = { relay: { pollInterval: '1h', publishTimeout: '2s' } } as const;

describe('OutboxRelay', () => {
  let stage: RelayStage;

  beforeAll(async () => {
    stage = await RelayStage.open();
  });
  afterAll(() => stage?.close());
  afterEach(async () => {
    await stage.stopRelays();
    await stage.clear();
  });

  const states = async () => {
    const counts = { pending: 0, published: 0, dead: 0 };
    for (const { state } of await stage.rows()) counts[state]++;
    return counts;
  };

  test('runOnce() claims and settles one batch, and says what became of it', async () => {
    const { relay } = await stage.relay({ relay: { ...AT_REST.relay, batchSize: 10 } });
    relay.pause();
    const ids = await stage.emit(events(25));
    expect(await relay.runOnce()).toEqual({
      claimed: 10,
      published: 10,
      returned: 0,
      rescheduled: 0,
      dead: 0,
      unknown: 0,
    });
    expect(await states()).toEqual({ pending: 15, published: 10, dead: 0 });
    expect(idsOf(await stage.receive())).toEqual(ids.slice(0, 10));
  });

  test('tells those who look at the table how it is, paused as well, until it is no more', async () => {
    const { app, relay } = await stage.relay();
    const { name } = stage.playground;
    const seen = () =>
      stage.playground.sql<{ lanes: number; report: Record<string, unknown> }>(
        `SELECT lanes, report FROM ${name}.outbox_relay`,
      );
    await eventually(async () => (await seen())[0]?.lanes === 16);
    relay.pause();
    const [paused] = await eventually(async () => {
      const rows = await seen();
      return rows[0]?.report['paused'] === true && rows;
    });
    expect(paused).toMatchObject({ lanes: 0, report: { breaker: 'closed', reason: null, onDead: 'park' } });
    expect(Math.abs(Number(paused?.report['clock']) - Date.now())).toBeLessThan(60_000);
    relay.resume();
    await eventually(async () => (await seen())[0]?.lanes === 16);
    await app.close();
    expect(await seen()).toEqual([]);
  });

  test('runOnce() with nothing to do says so', async () => {
    const { relay } = await stage.relay(AT_REST);
    expect(await relay.runOnce()).toMatchObject({ claimed: 0, published: 0 });
  });

  test('runOnce() at the same time takes different rows', async () => {
    const { relay } = await stage.relay({ relay: { ...AT_REST.relay, batchSize: 10 } });
    relay.pause();
    const ids = await stage.emit(events(30));
    const done = await Promise.all([relay.runOnce(), relay.runOnce(), relay.runOnce()]);
    expect(done.map(({ published }) => published)).toEqual([10, 10, 10]);
    const received = idsOf(await stage.receive());
    expect(received).toHaveLength(30);
    expect(new Set(received)).toEqual(new Set(ids));
  });

  test('drain() publishes until nothing is due, and leaves what is scheduled', async () => {
    const { relay } = await stage.relay({ relay: { ...AT_REST.relay, batchSize: 10 } });
    relay.pause();
    await stage.emit([...events(95), { type: 'order.later', payload: 0, delay: '1h' }]);
    expect(await relay.drain()).toMatchObject({ claimed: 95, published: 95 });
    expect(await states()).toEqual({ pending: 1, published: 95, dead: 0 });
    expect(await stage.receive()).toHaveLength(95);
  });

  test('drain() resolves only when nothing is in flight in the running loop either', async () => {
    const relay = await stage.relay();
    for (let round = 0; round < 20; round++) {
      await relay.dataSource.transaction((manager) => relay.outbox.emitMany(manager, events(20)));
      await relay.relay.drain();
      expect(await states()).toMatchObject({ pending: 0 });
    }
  });

  test('runOnce() and drain() say when the broker cannot be reached', async () => {
    const { relay } = await stage.relay({
      rabbitmq: { url: 'amqp://127.0.0.1:1' },
      relay: { pollInterval: '1h', publishTimeout: 200 },
    });
    await stage.emit(events(1));
    await expect(relay.runOnce()).rejects.toBeInstanceOf(BrokerUnavailableError);
    await expect(relay.drain()).rejects.toThrow('The broker cannot be reached, or has blocked publishing.');
    expect(await states()).toEqual({ pending: 1, published: 0, dead: 0 });
  });

  test('pause() stops claiming, resume() goes on at once', async () => {
    const { relay } = await stage.relay(AT_REST);
    relay.pause();
    expect((await relay.stats()).paused).toBe(true);
    const ids = await stage.emit(events(5));
    relay.wake();
    await eventually(async () => (await relay.stats()).pending === 5);
    expect(await relay.stats()).toMatchObject({ paused: true, inFlight: 0 });
    relay.resume();
    await stage.settled();
    expect(idsOf(await stage.receive())).toEqual(ids);
    expect(await relay.stats()).toMatchObject({ paused: false });
  });

  test('stays paused over a wake-up of its own process', async () => {
    const { relay, emit } = await stage.relay(AT_REST);
    relay.pause();
    await emit('order.placed');
    // What one claim in another relay can see, a claim of this one could have taken.
    const other = await stage.relay(AT_REST);
    other.relay.pause();
    expect(await other.relay.runOnce()).toMatchObject({ published: 1 });
    expect(relay.counts).toMatchObject({ published: 0 });
  });

  test('stats() tell what waits, what has been done, and how things stand', async () => {
    const { relay } = await stage.relay({ ...AT_REST, rabbitmq: { unroutable: 'fail' } });
    await eventually(async () => {
      const { brokerReady, owners } = await relay.stats();
      return brokerReady && owners[0]?.lanes.length === 16 && owners[0]?.brokerReady;
    });
    expect(await relay.stats()).toEqual({
      pending: 0,
      due: 0,
      retrying: 0,
      dead: 0,
      lag: 0,
      countedUpTo: 10_000,
      readOnly: false,
      inFlight: 0,
      counts: { claimed: 0, published: 0, returned: 0, rescheduled: 0, dead: 0, unknown: 0 },
      rates: { published: 0, failed: 0 },
      returned: [],
      owners: [
        {
          service: expect.any(String),
          host: hostname(),
          pid: process.pid,
          lanes: Array.from({ length: 16 }, (_, lane) => lane),
          seen: expect.any(Number),
          paused: false,
          breaker: 'closed',
          reason: null,
          brokerReady: true,
          onDead: 'park',
          rates: { published: 0, failed: 0 },
          returned: [],
          clock: expect.any(Number),
        },
      ],
      paused: false,
      breaker: 'closed',
      reason: null,
      brokerReady: true,
    });
    await stage.emit(events(7));
    relay.wake();
    await stage.settled();
    await eventually(async () => (await relay.stats()).inFlight === 0);
    const after = await relay.stats();
    expect(after).toMatchObject({ pending: 0, counts: { claimed: 7, published: 7 } });
    expect(after.rates.published).toBeGreaterThan(0);
    relay.pause();
    await stage.emit(events(3));
    await eventually(async () => (await relay.stats()).pending === 3);
    const { lag, due } = await relay.stats();
    expect(due).toBe(3);
    expect(lag).toBeGreaterThan(0);
  });

  test('stats() are fresh after drain(), however lately they were asked for', async () => {
    const { relay } = await stage.relay(AT_REST);
    relay.pause();
    await stage.emit(events(3));
    await eventually(async () => (await relay.stats()).pending === 3);
    await relay.drain();
    expect(await relay.stats()).toMatchObject({ pending: 0, due: 0, lag: 0, counts: { published: 3 } });
  });

  test('stats() of a process that relays nothing tell of the relays that others run', async () => {
    const { relay } = await stage.relay({ ...AT_REST, relay: { ...AT_REST.relay, lanes: 4 } });
    const writer = stage.writer.app.get(OutboxRelay);
    const owners = await eventually(async () => {
      const { owners: found } = await writer.stats();
      return found[0]?.lanes.length === 16 ? found : undefined;
    });
    expect(owners).toHaveLength(1);
    expect((await writer.stats()).counts.claimed).toBe(0);
    relay.pause();
    await eventually(async () => {
      const { owners: found } = await writer.stats();
      return found[0]?.lanes.length === 0 && found[0]?.paused;
    });
  });

  test('start() and stop() can be called again and again', async () => {
    const { relay, emit } = await stage.relay();
    relay.start();
    relay.start();
    await emit('order.one');
    await stage.settled();
    relay.stop();
    relay.stop();
    expect(await relay.finished(5_000)).toBe(true);
    await emit('order.two');
    expect(await states()).toMatchObject({ pending: 1 });
    relay.start();
    await stage.settled();
    expect((await stage.receive()).map(({ type }) => type)).toEqual(['order.one', 'order.two']);
  });

  test('close() of the application in the middle of a backlog settles what is in flight and leaves the rest', async () => {
    await stage.emit(events(5_000));
    const relay = await stage.relay({ relay: { batchSize: 50, window: 100 } });
    await eventually(() => relay.relay.counts.published > 0);
    await relay.close();
    const { published, pending } = await states();
    expect(published + pending).toBe(5_000);
    const received = idsOf(await stage.receive());
    expect(received).toHaveLength(published);
    expect(new Set(received).size).toBe(published);
  });
});
