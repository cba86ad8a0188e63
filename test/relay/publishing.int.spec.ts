import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/outbox-app.js';
import { events, idsOf, inversions, RelayStage } from './stage.js';

describe('the relay', () => {
  let stage: RelayStage;

  beforeAll(async () => {
    stage = await RelayStage.open();
  });
  afterAll(() => stage?.close());
  afterEach(async () => {
    await stage.stopRelays();
    await stage.clear();
  });

  test('publishes what was committed, and of a rollback nothing', async () => {
    await stage.relay();
    const rolledBack = stage.writer.dataSource.transaction(async (manager) => {
      await stage.writer.outbox.emit(manager, 'order.never', {});
      throw new Error('rolled back');
    });
    await expect(rolledBack).rejects.toThrow('rolled back');
    const ids = await stage.emit(events(3));
    await stage.settled();
    expect(idsOf(await stage.receive())).toEqual(ids);
  });

  test('publishes an event with everything it was emitted with, its bytes untouched', async () => {
    await stage.relay();
    const body = Buffer.from('{ "not":  "normalised", "n": 1.0 }');
    const [id, plain] = await stage.emit([
      {
        type: 'order.placed',
        payload: body,
        key: 'größe',
        headers: { tenant: 'acme', urgent: true, ratio: 1.5, count: -3 },
        correlationId: 'correlation',
        causationId: 'cause',
        contentType: 'application/vnd.acme+json',
        expiration: '1h',
        priority: 3,
      },
      { type: 'order.plain', payload: null },
    ]);
    await stage.settled();
    const [first, second] = await stage.receive();
    const now = Date.now() / 1_000;
    expect(first?.message.content).toEqual(body);
    expect(first?.message.fields).toMatchObject({
      exchange: stage.playground.name,
      routingKey: 'order.placed',
    });
    expect(first?.message.properties).toMatchObject({
      messageId: id,
      type: 'order.placed',
      appId: stage.playground.name,
      contentType: 'application/vnd.acme+json',
      correlationId: 'correlation',
      deliveryMode: 2,
      priority: 3,
      headers: {
        tenant: 'acme',
        urgent: true,
        ratio: 1.5,
        count: -3,
        'outbox-key': 'größe',
        'outbox-causation-id': 'cause',
      },
    });
    // RabbitMQ counts down the expiration of quorum queues' messages in the queue, not in the property.
    expect(first?.message.properties.expiration).toBe('3600000');
    expect(Math.abs((first?.message.properties.timestamp as number) - now)).toBeLessThan(60);
    expect(second?.message.properties).toMatchObject({
      messageId: plain,
      contentType: 'application/json',
      headers: {},
    });
    expect(second?.payload).toBeNull();
  });

  test('publishes to the exchange an event names', async () => {
    const exchange = `${stage.playground.name}.other`;
    stage.playground.remember('exchange', exchange);
    const channel = await stage.playground.channel();
    await channel.assertExchange(exchange, 'fanout');
    await channel.bindQueue(stage.sink, exchange, '');
    await stage.relay();
    await stage.emit([{ type: 'order.placed', payload: 1, exchange }]);
    await stage.settled();
    expect((await stage.receive()).map(({ message }) => message.fields.exchange)).toEqual([exchange]);
  });

  test('records when a row was published, and keeps it', async () => {
    await stage.relay();
    await stage.emit(events(2));
    await stage.settled();
    const rows = await stage.playground.sql(
      `SELECT state, attempts, published_at >= created_at AS later, returned, last_error FROM ${stage.table}`,
    );
    const published = { state: 'published', attempts: 0, later: true, returned: false, last_error: null };
    expect(rows).toEqual([published, published]);
  });

  test('deletes a row as it is published when nothing is to be kept', async () => {
    await stage.relay({ retention: '0s' });
    await stage.emit(events(10));
    await eventually(async () => (await stage.rows()).length === 0);
    expect(await stage.receive()).toHaveLength(10);
  });

  test('prunes rows when they have outlived the retention', async () => {
    await stage.relay({ retention: '1s' });
    await stage.emit(events(10));
    await stage.settled();
    expect(await stage.receive()).toHaveLength(10);
    await eventually(async () => (await stage.rows()).length === 0);
  });

  test('is woken by a commit in its own process: it does not wait for its poll', async () => {
    const relay = await stage.relay({ relay: { pollInterval: '1h' } });
    for (let round = 0; round < 5; round++) await relay.emit('order.placed', round);
    await stage.settled();
    expect((await stage.receive()).map(({ payload }) => payload)).toEqual([0, 1, 2, 3, 4]);
  });

  test('finds what nobody told it about by polling', async () => {
    await stage.relay({ relay: { pollInterval: 100 } });
    for (let round = 1; round <= 3; round++) {
      await stage.playground.sql(
        `INSERT INTO ${stage.table} (id, lane, type, payload, content_type)
         VALUES (gen_random_uuid(), 0, 'raw.sql', convert_to($1, 'UTF8'), 'application/json')`,
        [String(round)],
      );
      await stage.settled();
    }
    expect((await stage.receive()).map(({ payload }) => payload)).toEqual([1, 2, 3]);
  });

  test('publishes scheduled events when they are due, in order of time', async () => {
    await stage.relay({ relay: { pollInterval: 50 } });
    await stage.emit([
      { type: 'third', payload: 3, delay: 600 },
      { type: 'second', payload: 2, delay: 300 },
      { type: 'first', payload: 1 },
      { type: 'tomorrow', payload: 4, delay: '1d' },
    ]);
    await eventually(
      async () => (await stage.rows()).filter(({ state }) => state === 'published').length === 3,
    );
    expect((await stage.receive()).map(({ type }) => type)).toEqual(['first', 'second', 'third']);
    const waited = await stage.playground.sql<{ type: string; ms: number }>(
      `SELECT type, extract(epoch FROM published_at - created_at)::float8 * 1000 AS ms
       FROM ${stage.table} WHERE type IN ('second', 'third') ORDER BY type`,
    );
    expect(waited.map(({ ms }, index) => ms >= [300, 600][index]!)).toEqual([true, true]);
  });

  test('keeps the order of every key over thousands of events, emitted while it publishes', async () => {
    await stage.relay();
    const all = events(5_000, { keys: 37 });
    for (let from = 0; from < all.length; from += 250) await stage.emit(all.slice(from, from + 250));
    await stage.settled();
    const received = await stage.receive();
    expect(received).toHaveLength(5_000);
    expect(inversions(received)).toEqual([]);
  });

  test('of which two work at once never publishes an event twice, nor loses one', async () => {
    const all = events(20_000, { keys: 500 });
    const half = await stage.emit(all.slice(0, 10_000));
    const relays = await Promise.all([1, 2].map(() => stage.relay({ relay: { batchSize: 100 } })));
    const rest: string[] = [];
    for (let from = 10_000; from < all.length; from += 1_000) {
      rest.push(...(await stage.emit(all.slice(from, from + 1_000))));
    }
    await stage.settled(50_000);
    const ids = idsOf(await stage.receive());
    expect(ids).toHaveLength(20_000);
    const shares = relays.map(({ relay }) => relay.counts.published);
    expect(Math.min(...shares)).toBeGreaterThan(0);
    expect(shares.reduce((sum, share) => sum + share)).toBe(20_000);
    expect(new Set(ids)).toEqual(new Set([...half, ...rest]));
  });
});
