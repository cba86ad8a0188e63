import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { EmitOptions, EventToEmit } from 'nestjs-rabbitmq-outbox';
import { startRabbitMq, type RabbitMqNode } from '../support/rabbitmq.mjs';
import { eventually } from '../support/outbox-app.js';
import { events, inversions, RelayStage } from './stage.js';

const RETRY = { attempts: 3, backoff: { delay: 200, factor: 1, jitter: 'none' } } as const;
const TOO_LARGE = 65_537;

const POISONS: ReadonlyArray<
  [name: string, poison: EmitOptions & { type?: string; payload?: unknown }, error: RegExp]
> = [
  [
    'larger than the broker accepts',
    { payload: Buffer.alloc(TOO_LARGE) },
    /^PublishRefusedError: .*message size 65537 .*max size 65536/,
  ],
  [
    'for an exchange that does not exist',
    { exchange: 'no.such.exchange' },
    /^PublishRefusedError: .*no exchange 'no\.such\.exchange'/,
  ],
];

describe('an event the broker closes the channel over', () => {
  let node: RabbitMqNode;
  let stage: RelayStage;

  beforeAll(async () => {
    node = await startRabbitMq({ config: 'max_message_size = 65536' });
    stage = await RelayStage.open({ rabbitUrl: node.url });
  });
  afterAll(async () => {
    await stage?.close();
    await node?.close();
  });
  afterEach(async () => {
    await stage.stopRelays();
    await stage.clear();
  });

  test.each(POISONS)(
    '%s: is retried with backoff and then dead, alone; hundreds beside it flow in order and spend no attempt',
    async (_, poison, error) => {
      const crowd = events(900, { keys: 20 });
      crowd.splice(400, 0, { type: 'poison', payload: 0, key: 'poisoned', ...poison });
      await stage.emit(crowd);
      const started = Date.now();
      const { relay } = await stage.relay({ relay: { retry: RETRY, pollInterval: 50, batchSize: 200 } });
      await stage.settled();
      expect(Date.now() - started).toBeGreaterThanOrEqual(400);
      const rows = await stage.rows();
      const dead = rows.filter(({ state }) => state === 'dead');
      expect(dead).toMatchObject([{ type: 'poison', attempts: 3 }]);
      expect(dead[0]?.last_error).toMatch(error);
      expect(rows.filter(({ attempts }) => attempts > 0)).toHaveLength(1);
      const received = await stage.receive();
      expect(new Set(received.map(({ id }) => id)).size).toBe(900);
      expect(inversions(received)).toEqual([]);
      expect(await relay.stats()).toMatchObject({ dead: 1, breaker: 'closed', inFlight: 0 });
    },
  );

  test.each(POISONS)(
    '%s: holds back the rest of its key, dead or alive, and nothing else',
    async (_, poison) => {
      const all = [
        { type: 'order.1', payload: 1, key: 'k' },
        { type: 'order.2', payload: 2, key: 'k', ...poison },
        { type: 'order.3', payload: 3, key: 'k' },
        { type: 'order.4', payload: 4, key: 'other' },
        { type: 'order.5', payload: 5 },
      ];
      await stage.emit(all);
      await stage.relay({ relay: { retry: RETRY, pollInterval: 50 } });
      await eventually(async () => (await stage.rows()).some(({ state }) => state === 'dead'));
      await stage.emit([
        { type: 'order.6', payload: 6, key: 'k' },
        { type: 'order.7', payload: 7, key: 'other' },
      ]);
      await eventually(
        async () => (await stage.rows()).filter(({ state }) => state === 'published').length === 4,
      );
      const rows = await stage.rows();
      expect(rows.map(({ type, state, attempts }) => [type, state, attempts])).toEqual([
        ['order.1', 'published', 0],
        ['order.2', 'dead', 3],
        ['order.3', 'pending', 0],
        ['order.4', 'published', 0],
        ['order.5', 'published', 0],
        ['order.6', 'pending', 0],
        ['order.7', 'published', 0],
      ]);
      const types = new Set((await stage.receive()).map(({ type }) => type));
      expect(types).toEqual(new Set(['order.1', 'order.4', 'order.5', 'order.7']));
    },
  );

  test("with onDead: 'continue' is overtaken by its key only once it is dead", async () => {
    await stage.emit([
      { type: 'order.1', payload: Buffer.alloc(TOO_LARGE), key: 'k' },
      { type: 'order.2', payload: 2, key: 'k' },
    ]);
    await stage.relay({ relay: { retry: RETRY, pollInterval: 50, onDead: 'continue' } });
    await stage.settled();
    const [order] = await stage.playground.sql<{ kept: boolean }>(
      `SELECT min(published_at) FILTER (WHERE type = 'order.2') - min(created_at) >= interval '400 ms' AS kept FROM ${stage.table}`,
    );
    expect(order).toEqual({ kept: true });
    expect((await stage.rows()).map(({ state }) => state)).toEqual(['dead', 'published']);
  });

  test('keeps the order of its key when it succeeds after all', async () => {
    const exchange = `${stage.playground.name}.late`;
    stage.playground.remember('exchange', exchange);
    const all = events(600, { keys: 3 }).map((event, index) =>
      index % 50 === 25 ? { ...event, exchange } : event,
    );
    await stage.emit(all);
    await stage.relay({
      relay: { retry: { attempts: 1_000, backoff: RETRY.backoff }, pollInterval: 50, batchSize: 100 },
    });
    await eventually(async () => (await stage.rows()).filter(({ attempts }) => attempts > 0).length === 3);
    const channel = await stage.playground.channel();
    // Routes from its first moment on: an exchange still without a queue would take an event and return it.
    await channel.assertExchange(exchange, 'fanout', { alternateExchange: stage.playground.name });
    await stage.settled();
    const received = await stage.receive();
    expect(new Set(received.map(({ id }) => id)).size).toBe(600);
    expect(inversions(received)).toEqual([]);
  });

  test('many of them in one batch each become dead, and nothing else does', async () => {
    const all = events(300, { keys: 0 }).map((event, index) =>
      index % 30 === 7 ? { ...event, type: 'poison', payload: Buffer.alloc(TOO_LARGE) } : event,
    );
    await stage.emit(all);
    await stage.relay({ relay: { retry: { ...RETRY, attempts: 1 }, pollInterval: 50 } });
    await stage.settled();
    const rows = await stage.rows();
    expect(rows.every(({ type, state }) => (state === 'dead') === (type === 'poison'))).toBe(true);
    expect(rows.filter(({ attempts }) => attempts > 0)).toHaveLength(10);
    expect(new Set((await stage.receive()).map(({ id }) => id)).size).toBe(290);
  });

  test('no more than its own attempts are spent while others keep coming', async () => {
    const { relay, dataSource, outbox } = await stage.relay({
      relay: { retry: { attempts: 5, backoff: RETRY.backoff }, pollInterval: 50, batchSize: 50 },
    });
    const emit = (batch: EventToEmit[]) =>
      dataSource.transaction((manager) => outbox.emitMany(manager, batch));
    await emit([{ type: 'poison', payload: Buffer.alloc(TOO_LARGE) }]);
    let sent = 0;
    while ((await relay.stats()).dead === 0) {
      await emit(events(20, { keys: 5 }).map((event, index) => ({ ...event, payload: sent + index + 1 })));
      sent += 20;
    }
    await stage.settled();
    const rows = await stage.rows();
    expect(rows.filter(({ attempts }) => attempts > 0)).toMatchObject([{ type: 'poison', attempts: 5 }]);
    const received = await stage.receive();
    expect(new Set(received.map(({ id }) => id)).size).toBe(sent);
    expect(inversions(received)).toEqual([]);
  });
});
