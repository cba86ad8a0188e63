import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/outbox-app.js';
import { events, RelayStage } from './stage.js';

describe('an event no queue is bound for', () => {
  let stage: RelayStage;

  beforeAll(async () => {
    stage = await RelayStage.open({}, { sink: 'order.#' });
  });
  afterAll(() => stage?.close());
  afterEach(async () => {
    await stage.stopRelays();
    await stage.clear();
  });

  const ATTEMPTS = { attempts: 3, backoff: { delay: 50, factor: 1, jitter: 'none' } } as const;
  const mixed = [
    { type: 'order.placed', payload: 1 },
    { type: 'nobody.listens', payload: 2 },
    { type: 'order.paid', payload: 3 },
  ];

  test('is published, recorded on its row and counted; its neighbours are not', async () => {
    const { relay } = await stage.relay({ rabbitmq: { unroutable: 'record' } });
    await stage.emit(mixed);
    await stage.settled();
    const rows = await stage.rows();
    expect(rows.map(({ type, state, returned, attempts }) => [type, state, returned, attempts])).toEqual([
      ['order.placed', 'published', false, 0],
      ['nobody.listens', 'published', true, 0],
      ['order.paid', 'published', false, 0],
    ]);
    expect((await relay.stats()).counts).toMatchObject({
      published: 3,
      returned: 1,
      rescheduled: 0,
      dead: 0,
    });
    expect((await stage.receive()).map(({ payload }) => payload)).toEqual([1, 3]);
  });

  test('is told apart in a crowd: every second one of a thousand', async () => {
    await stage.relay();
    const crowd = events(1_000).map((event, index) => ({
      ...event,
      type: index % 2 ? 'nobody.listens' : 'order.placed',
    }));
    await stage.emit(crowd);
    await stage.settled();
    const rows = await stage.rows();
    expect(rows.every(({ type, returned }) => returned === (type === 'nobody.listens'))).toBe(true);
    expect(await stage.receive()).toHaveLength(500);
  });

  test("with unroutable: 'fail' is tried again, then dead with its error; its neighbours are published", async () => {
    const { relay } = await stage.relay({
      rabbitmq: { unroutable: 'fail' },
      relay: { retry: ATTEMPTS, pollInterval: 50 },
    });
    await stage.emit(mixed);
    await stage.settled();
    const [, row] = await stage.rows();
    expect(row).toMatchObject({ type: 'nobody.listens', state: 'dead', attempts: 3, returned: false });
    expect(row?.last_error).toBe(
      `UnroutableEventError: No queue is bound to exchange "${stage.playground.name}" for routing key "nobody.listens" ` +
        "(basic.return 312 NO_ROUTE). Start the service that handles it, or set rabbitmq.unroutable to 'record'.",
    );
    await eventually(async () => (await relay.stats()).dead === 1);
    const stats = await relay.stats();
    expect(stats.counts).toMatchObject({ published: 2, rescheduled: 2, dead: 1, returned: 0 });
    expect(stats.returned).toEqual([{ exchange: null, routingKey: 'nobody.listens', count: 3 }]);
    expect((await stage.receive()).map(({ payload }) => payload)).toEqual([1, 3]);
  });

  test('that asked for a route is tried again, then dead, whatever the module says of returns', async () => {
    const { relay } = await stage.relay({
      rabbitmq: { unroutable: 'record' },
      relay: { retry: ATTEMPTS, pollInterval: 50 },
    });
    await stage.emit([
      { type: 'order.placed', payload: 1, requireRoute: true },
      { type: 'nobody.listens', payload: 2, requireRoute: true, key: 'k' },
      { type: 'order.paid', payload: 3, key: 'k' },
      { type: 'nobody.cares', payload: 4 },
    ]);
    await eventually(async () => (await stage.rows()).some(({ state }) => state === 'dead'));
    await eventually(async () => (await relay.stats()).counts.published === 2);
    const rows = await stage.rows();
    expect(rows.map(({ type, state, returned, attempts }) => [type, state, returned, attempts])).toEqual([
      ['order.placed', 'published', false, 0],
      ['nobody.listens', 'dead', false, 3],
      ['order.paid', 'pending', false, 0],
      ['nobody.cares', 'published', true, 0],
    ]);
    expect(rows[1]?.last_error).toBe(
      `UnroutableEventError: No queue is bound to exchange "${stage.playground.name}" for routing key "nobody.listens" ` +
        '(basic.return 312 NO_ROUTE). Start the service that handles it, or emit it without requireRoute.',
    );
    expect((await relay.stats()).counts).toMatchObject({
      published: 2,
      returned: 1,
      rescheduled: 2,
      dead: 1,
    });
  });

  test('that needs no route is recorded, whatever the module says of returns', async () => {
    await stage.relay({ rabbitmq: { unroutable: 'fail' }, relay: { pollInterval: 50 } });
    await stage.emit([{ type: 'nobody.cares', payload: 1, requireRoute: false }]);
    await stage.settled();
    expect(await stage.rows()).toMatchObject([{ state: 'published', returned: true, attempts: 0 }]);
  });

  test("with unroutable: 'fail' is published as soon as somebody listens", async () => {
    await stage.relay({
      rabbitmq: { unroutable: 'fail' },
      relay: { retry: { ...ATTEMPTS, attempts: 1_000 }, pollInterval: 50 },
    });
    await stage.emit([{ type: 'late.listener', payload: 'here' }]);
    await eventually(async () => ((await stage.rows())[0]?.attempts ?? 0) >= 2);
    await stage.bindSink('late.*');
    await stage.settled();
    expect((await stage.receive()).map(({ payload }) => payload)).toEqual(['here']);
    const [row] = await stage.rows();
    expect(row).toMatchObject({ state: 'published' });
    expect(row?.attempts).toBeGreaterThanOrEqual(2);
  });
});

describe('an event the broker refuses to take (basic.nack)', () => {
  let stage: RelayStage;
  let full: string;

  beforeAll(async () => {
    stage = await RelayStage.open();
    full = `${stage.playground.name}.full`;
    stage.playground.remember('queue', full);
    const channel = await stage.playground.channel();
    await channel.assertQueue(full, {
      arguments: { 'x-queue-type': 'classic', 'x-max-length': 1, 'x-overflow': 'reject-publish' },
    });
    await channel.bindQueue(full, stage.playground.name, 'full.#');
  });
  afterAll(() => stage?.close());
  afterEach(() => stage.stopRelays());

  test('is tried again with backoff while others flow, and published once there is room', async () => {
    const channel = await stage.playground.channel();
    channel.sendToQueue(full, Buffer.from('in the way'));
    await channel.checkQueue(full);
    const { relay } = await stage.relay({
      relay: { pollInterval: 50, retry: { attempts: 1_000, backoff: { delay: 50, factor: 1 } } },
    });
    await stage.emit([
      { type: 'order.placed', payload: 1 },
      { type: 'full.up', payload: 2 },
      { type: 'order.paid', payload: 3 },
    ]);
    await eventually(async () => ((await stage.rows())[1]?.attempts ?? 0) >= 2);
    const rows = await stage.rows();
    expect(rows.map(({ state, attempts }) => [state, attempts > 0])).toEqual([
      ['published', false],
      ['pending', true],
      ['published', false],
    ]);
    expect(rows[1]?.last_error).toBe('PublishRefusedError: RabbitMQ refused the message (basic.nack).');
    await eventually(async () => (await relay.stats()).retrying === 1);
    expect((await relay.stats()).dead).toBe(0);
    await channel.purgeQueue(full);
    await stage.settled();
    const taken = await eventually(() => channel.get(full, { noAck: true }));
    expect(JSON.parse(taken.content.toString())).toBe(2);
  });
});
