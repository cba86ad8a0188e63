import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { startRabbitMq, type RabbitMqNode } from '../support/rabbitmq.mjs';
import { eventually, type TestApp } from '../support/outbox-app.js';
import { startProxy } from './proxy.js';
import { events, idsOf, inversions, RelayStage } from './stage.js';

describe('a broker in trouble', () => {
  let node: RabbitMqNode;
  let stage: RelayStage;

  beforeAll(async () => {
    node = await startRabbitMq();
    stage = await RelayStage.open({ rabbitUrl: node.url });
    await node.flush();
  });
  afterAll(async () => {
    await stage?.close();
    await node?.close();
  });
  afterEach(async () => {
    await stage.stopRelays();
    await node.start();
    await stage.clear();
  });

  /** Emits numbered events until told to stop: of a few keys, so no more than are published one after the other. */
  function emitting(chunk = 10) {
    const ids: string[] = [];
    let going = true;
    const all = (async () => {
      while (going) {
        const numbered = events(chunk, { keys: 7 }).map((event, index) => ({
          ...event,
          payload: ids.length + index + 1,
        }));
        ids.push(...(await stage.emit(numbered)));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    return {
      ids,
      stop: () => {
        going = false;
        return all;
      },
    };
  }

  /** All events arrived, each key in order, and the outage cost no event an attempt. */
  async function expectUnharmed(ids: readonly string[]): Promise<void> {
    await stage.settled(60_000);
    const received = await stage.receive();
    expect(new Set(idsOf(received))).toEqual(new Set(ids));
    expect(inversions(received)).toEqual([]);
    const rows = await stage.rows();
    expect(
      rows.filter(({ attempts, state, last_error }) => attempts || state !== 'published' || last_error),
    ).toEqual([]);
  }

  const published = ({ relay }: TestApp) => relay.counts.published;

  test.each<[how: string, stop: () => Promise<unknown>, start: () => Promise<unknown>]>([
    ['stopped and started', () => node.stopApp(), () => node.startApp()],
    ['killed and started', () => node.kill(), () => node.start()],
    ['told to close all connections', () => node.ctl('close_all_connections', 'maintenance'), async () => {}],
  ])('%s under load: nothing is lost, no attempt is spent, no order is broken', async (_, stop, start) => {
    const relay = await stage.relay({ relay: { pollInterval: 50, batchSize: 50 } });
    const emitter = emitting();
    await eventually(() => published(relay) > 500);
    await stop();
    const before = emitter.ids.length;
    await eventually(() => emitter.ids.length > before + 200, 60_000);
    await start();
    const after = published(relay);
    await eventually(() => published(relay) > after + 500, 40_000);
    await emitter.stop();
    await expectUnharmed(emitter.ids);
    expect(await relay.relay.stats()).toMatchObject({ breaker: 'closed', brokerReady: true, dead: 0 });
  });

  test('down: nothing is claimed, and the lag can be seen', async () => {
    const relay = await stage.relay({ relay: { pollInterval: 50 } });
    await node.stopApp();
    await eventually(async () => !(await relay.relay.stats()).brokerReady);
    const ids = await stage.emit(events(100));
    const claimed = relay.relay.counts.claimed;
    await eventually(async () => (await relay.relay.stats()).lag > 500);
    expect(await relay.relay.stats()).toMatchObject({ pending: 100, inFlight: 0, counts: { claimed } });
    await node.startApp();
    await expectUnharmed(ids);
  });

  test('that is not there when the relay starts is waited for', async () => {
    const ids = await stage.emit(events(50));
    await node.stopApp();
    const relay = await stage.relay({ relay: { pollInterval: 50 } });
    expect(await relay.relay.stats()).toMatchObject({ pending: 50, brokerReady: false });
    await node.startApp();
    await expectUnharmed(ids);
  });

  test('that blocks publishers over a memory alarm pauses the relay; it goes on when the alarm ends', async () => {
    const relay = await stage.relay({
      relay: { pollInterval: 50, publishTimeout: '1s', batchSize: 50, window: 100 },
    });
    const ids = await stage.emit(events(300, { keys: 7 }));
    await stage.settled();
    await node.alarm(true);
    try {
      const blocked = events(500, { keys: 7 }).map((event, index) => ({ ...event, payload: 301 + index }));
      ids.push(...(await stage.emit(blocked)));
      await eventually(async () => !(await relay.relay.stats()).brokerReady);
      const { claimed } = relay.relay.counts;
      // Longer than a broker that does not block us has to answer.
      await eventually(async () => (await relay.relay.stats()).lag > 1_500);
      expect(relay.relay.counts.claimed).toBe(claimed);
      // What it had when it blocked us it still has, and will answer.
      expect((await relay.relay.stats()).inFlight).toBeLessThanOrEqual(100);
      expect((await stage.rows()).filter(({ attempts }) => attempts > 0)).toEqual([]);
    } finally {
      await node.alarm(false);
    }
    await stage.settled(60_000);
    expect(await stage.waiting()).toBe(ids.length);
    await expectUnharmed(ids);
  });

  test('that no longer answers is given up after the publish timeout, for a new connection', async () => {
    const proxy = await startProxy(node.port);
    try {
      const relay = await stage.relay({
        rabbitmq: { url: `amqp://guest:guest@127.0.0.1:${proxy.port}`, connection: { reconnectDelay: 100 } },
        relay: { pollInterval: 50, publishTimeout: 500, batchSize: 50 },
      });
      const emitter = emitting();
      for (let round = 1; round <= 3; round++) {
        const before = published(relay);
        await eventually(() => published(relay) > before + 300);
        proxy.swallow();
        await eventually(() => proxy.connections > round);
      }
      await emitter.stop();
      await expectUnharmed(emitter.ids);
      await stage.stopRelays();
    } finally {
      await proxy.close();
    }
  });

  test('that lacks the module’s exchange is in trouble, not the events: they wait until it is there', async () => {
    const exchange = `${stage.playground.name}.missing`;
    stage.playground.remember('exchange', exchange);
    const ids = await stage.emit(events(100, { keys: 7 }));
    const { relay } = await stage.relay({
      rabbitmq: { exchange, topology: 'none' },
      relay: { pollInterval: 50, retry: { attempts: 1 } },
    });
    await eventually(() => relay.counts.unknown >= 21);
    const channel = await stage.playground.channel();
    await channel.assertExchange(exchange, 'topic', { durable: true });
    await channel.bindQueue(stage.sink, exchange, '#');
    await expectUnharmed(ids);
  });

  test.each(['is down', 'does not answer'])(
    'that %s does not keep an application from closing',
    async (how) => {
      const proxy = await startProxy(node.port);
      try {
        const relay = await stage.relay({
          rabbitmq: { url: `amqp://guest:guest@127.0.0.1:${proxy.port}` },
          relay: { pollInterval: 50, publishTimeout: '1s' },
          shutdownTimeout: '5s',
        });
        await eventually(async () => (await relay.relay.stats()).brokerReady);
        if (how === 'is down') await node.stopApp();
        else proxy.swallow();
        const ids = await stage.emit(events(100));
        relay.relay.wake();
        const started = Date.now();
        await relay.close();
        expect(Date.now() - started).toBeLessThan(15_000);
        await node.startApp();
        await stage.relay();
        await expectUnharmed(ids);
      } finally {
        await proxy.close();
      }
    },
  );

  test('one of several is enough: the relay fails over to a URL that works', async () => {
    await stage.relay({
      rabbitmq: { url: ['amqp://127.0.0.1:1', node.url], connection: { reconnectDelay: 100 } },
    });
    await expectUnharmed(await stage.emit(events(10)));
  });
});
