import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Abort, OnEvent, Reject, type OutboxOptions } from 'nestjs-rabbitmq-outbox';
import { OutboxPrometheusModule, type OutboxPrometheusOptions } from 'nestjs-rabbitmq-outbox/prometheus';
import { Registry } from 'prom-client';
import { LIFECYCLE_NAMES } from '../../lib/lifecycle/messages.js';
import { METRICS } from '../../lib/observe/metrics/definitions.js';
import { getObservedOutboxToken } from '../../lib/outbox.tokens.js';
import type { ObservedOutbox } from '../../lib/observe/observed-outbox.js';
import { startEmbeddedBroker } from '../../lib/testing/index.js';
import { openStage, type Stage } from '../consume/stage.js';
import {
  createPlayground,
  eventually,
  startApp,
  type Playground,
  type TestApp,
} from '../support/outbox-app.js';
import { scrape } from './scrape.js';

@Injectable()
class Orders {
  failures = new Map<string, number>();

  @OnEvent('order.*', { retry: ['100ms', '100ms'] })
  handle({ id, how }: { id: string; how?: string }): void {
    if (how === 'abort') throw new Abort('nothing to do');
    if (how === 'reject') throw new Reject('never');
    const failures = this.failures.get(id) ?? 0;
    this.failures.set(id, failures + 1);
    if (how === 'fail' || (how === 'once' && failures === 0)) throw new Error('not now');
  }
}

describe('the numbers that Prometheus gets', () => {
  let stage: Stage;
  let playground: Playground;
  let registry: Registry;
  let apps: TestApp[];

  beforeEach(async () => {
    stage = await openStage();
    playground = stage.playground;
    registry = new Registry();
    apps = [];
  });
  afterEach(async () => {
    for (const app of apps) await app.close();
    await stage.close();
  });

  async function start(
    options: Partial<OutboxOptions> = {},
    prometheus: OutboxPrometheusOptions = {},
    on: Playground = playground,
  ): Promise<TestApp> {
    const app = await startApp(on, {
      options,
      providers: [Orders],
      imports: [OutboxPrometheusModule.forRoot({ registry, ...prometheus })],
    });
    apps.push(app);
    return app;
  }

  const queue = () => stage.queue('Orders.handle');

  test('equal what was really done', async () => {
    const app = await start({
      rabbitmq: { unroutable: 'fail' },
      relay: { retry: { attempts: 3, backoff: { delay: 20, jitter: 'none' } } },
    });
    const hows = [
      ...Array.from({ length: 30 }, () => 'well'),
      ...Array.from({ length: 5 }, () => 'once'),
      ...Array.from({ length: 4 }, () => 'fail'),
      ...Array.from({ length: 3 }, () => 'reject'),
      ...Array.from({ length: 2 }, () => 'abort'),
    ];
    await app.dataSource.transaction((manager) =>
      app.outbox.emitMany(
        manager,
        hows.map((how, id) => ({ type: 'order.placed', payload: { id: String(id), how } })),
      ),
    );
    await app.emit('nobody.listens');
    await expect(
      app.dataSource.transaction(async (manager) => {
        await app.outbox.emit(manager, 'order.placed', {});
        throw new Error('rolled back');
      }),
    ).rejects.toThrow('rolled back');
    await eventually(async () => {
      const seen = await scrape(registry);
      return (
        seen.sum('inbox_processed_total') === 30 + 5 * 2 + 4 * 3 + 3 + 2 &&
        seen.sum('outbox_dead_letters_total') === 1 &&
        // The table's numbers may be a second old.
        seen.value('outbox_messages', { state: 'dead' }) === 1 &&
        seen.value('outbox_messages', { state: 'pending' }) === 0
      );
    });
    const { value, sum } = await scrape(registry);
    const of = (name: string, labels: Record<string, string> = {}) =>
      value(name, { outbox: 'default', ...labels });

    expect(of('outbox_emitted_total', { type: 'order.placed' })).toBe(44);
    expect(of('outbox_emitted_total', { type: 'nobody.listens' })).toBe(1);
    expect(of('outbox_published_total', { type: 'order.placed' })).toBe(44);
    expect(of('outbox_published_total', { type: 'nobody.listens' })).toBe(0);
    expect(of('outbox_unroutable_total', { type: 'nobody.listens' })).toBe(3);
    expect(of('outbox_publish_failures_total', { type: 'nobody.listens' })).toBe(3);
    expect(of('outbox_retries_total', { type: 'nobody.listens' })).toBe(2);
    expect(of('outbox_dead_letters_total', { type: 'nobody.listens' })).toBe(1);
    expect(sum('outbox_relay_batch_size_sum')).toBe(44 + 3);
    expect(sum('outbox_publish_duration_seconds_count')).toBe(sum('outbox_relay_batch_size_count'));
    expect(of('outbox_publish_duration_seconds_sum')).toBeGreaterThan(0);
    expect(of('outbox_publish_duration_seconds_bucket', { le: '+Inf' })).toBe(
      of('outbox_publish_duration_seconds_count'),
    );
    expect(of('outbox_publish_lag_seconds_count')).toBe(44);
    expect(of('outbox_publish_lag_seconds_sum')).toBeGreaterThan(0);
    expect(of('outbox_relay_last_success_timestamp_seconds')).toBeGreaterThan(Date.now() / 1_000 - 60);

    const consumer = queue();
    const handled = (outcome: string) => of('inbox_processed_total', { consumer, outcome });
    expect(of('inbox_received_total', { consumer })).toBe(57);
    expect(['handled', 'retried', 'dead-lettered', 'aborted'].map(handled)).toEqual([35, 5 + 8, 4 + 3, 2]);
    expect(of('inbox_retries_total', { consumer })).toBe(13);
    expect(of('inbox_dead_letters_total', { consumer, reason: 'exhausted' })).toBe(4);
    expect(of('inbox_dead_letters_total', { consumer, reason: 'rejected' })).toBe(3);
    expect(of('inbox_process_duration_seconds_count', { consumer })).toBe(57);

    expect(of('outbox_messages', { state: 'pending' })).toBe(0);
    expect(of('outbox_messages', { state: 'due' })).toBe(0);
    expect(of('outbox_messages', { state: 'dead' })).toBe(1);
    expect(of('outbox_relays', { state: 'working' })).toBe(1);
    expect(of('outbox_relays', { state: 'idle' })).toBe(0);
    expect(of('outbox_lanes', { state: 'worked' })).toBe(16);
    expect(of('outbox_lanes', { state: 'free' })).toBe(0);
    expect(of('outbox_lag_seconds')).toBe(0);
    expect(of('outbox_broker_connected', { connection: 'publisher' })).toBe(1);
    expect(of('outbox_broker_blocked', { connection: 'publisher' })).toBe(0);
    expect(of('inbox_consumer_active', { consumer })).toBe(1);
    // What the broker tells of its queues may be ten seconds old.
    await eventually(
      async () => (await scrape(registry)).value('inbox_dead_letter_messages', { consumer }) === 4 + 3,
    );
  });

  test('have every metric of the list, also before anything happened, and in OpenMetrics', async () => {
    await start();
    expect((await scrape(registry)).names).toEqual(METRICS.map(({ name }) => name));
    const open = new Registry();
    open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    await start({}, { registry: open });
    expect(await open.metrics()).toContain('outbox_pruned_total{outbox="default"} 0');
    await apps.pop()?.close();
    expect(await open.metrics()).not.toContain('outbox_pruned');
  });

  test('keep the label "type" bounded', async () => {
    const app = await start({}, { types: 2 });
    for (const type of ['order.a', 'order.b', 'order.c', 'order.d']) await app.emit(type, { id: type });
    const first = await scrape(registry);
    expect(first.labelValues('outbox_emitted_total', 'type')).toEqual(['order.a', 'order.b', 'other']);
    expect(first.value('outbox_emitted_total', { type: 'other' })).toBe(2);
  });

  test('know the listed types alone, if there is a list', async () => {
    const app = await start({}, { types: ['order.b'] });
    for (const type of ['order.a', 'order.b']) await app.emit(type, { id: type });
    const { labelValues } = await scrape(registry);
    expect(labelValues('outbox_emitted_total', 'type').sort()).toEqual(['order.b', 'other']);
  });

  test('show the backlog, and that the relay is paused', async () => {
    const app = await start();
    app.relay.pause();
    await app.emit('order.placed', { id: '1' });
    await eventually(async () => ((await scrape(registry)).value('outbox_lag_seconds') ?? 0) > 0);
    const { value } = await scrape(registry);
    expect(value('outbox_messages', { state: 'pending' })).toBe(1);
    expect(value('outbox_messages', { state: 'due' })).toBe(1);
    expect(value('outbox_relay_paused')).toBe(1);
    await eventually(async () => {
      const seen = await scrape(registry);
      return (
        seen.value('outbox_relays', { state: 'idle' }) === 1 &&
        seen.value('outbox_lanes', { state: 'free' }) === 16
      );
    });
    app.relay.resume();
    await eventually(async () => (await scrape(registry)).value('outbox_relay_paused') === 0);
  });

  test('leave out the table’s while the database does not answer, and hold up no scrape', async () => {
    await start({}, { timeout: 200 });
    const locked = holdTable();
    await locked.taken;
    const { value } = await scrape(registry);
    locked.release();
    expect(value('outbox_messages')).toBeUndefined();
    expect(value('outbox_lag_seconds')).toBeUndefined();
    expect(value('outbox_broker_connected', { connection: 'publisher' })).toBe(1);
    await locked.ended;
    await eventually(
      async () => (await scrape(registry)).value('outbox_messages', { state: 'pending' }) === 0,
    );
  });

  /** Locks the table until released, in a transaction of its own. */
  function holdTable() {
    let release: () => void = () => undefined;
    let taken: () => void = () => undefined;
    const isTaken = new Promise<void>((resolve) => (taken = resolve));
    const isReleased = new Promise<void>((resolve) => (release = resolve));
    const [app] = apps as [TestApp];
    const ended = app.dataSource.transaction(async (manager) => {
      await manager.query(`LOCK TABLE ${playground.name}.outbox IN ACCESS EXCLUSIVE MODE`);
      taken();
      await isReleased;
    });
    return { taken: isTaken, release, ended };
  }

  test('show when the broker is gone, blocks us, and is back', async () => {
    const broker = await startEmbeddedBroker();
    const elsewhere = await createPlayground({ rabbitUrl: broker.url });
    try {
      const app = await start({}, {}, elsewhere);
      const links = async () => {
        const { value } = await scrape(registry);
        return ['connected', 'blocked'].map((what) =>
          value(`outbox_broker_${what}`, { connection: 'publisher' }),
        );
      };
      expect(await links()).toEqual([1, 0]);
      broker.block();
      await app.emit('order.placed', { id: '1' });
      await eventually(async () => (await links())[1] === 1);
      broker.unblock();
      await eventually(async () => (await links())[1] === 0);
      await broker.stop();
      await eventually(async () => (await links())[0] === 0);
      const consumer = `${elsewhere.name}.Orders.handle`;
      await eventually(
        async () => (await scrape(registry)).value('inbox_consumer_active', { consumer }) === 0,
      );
      await broker.start();
      await eventually(
        async () => (await scrape(registry)).value('inbox_consumer_active', { consumer }) === 1,
      );
      expect(await links()).toEqual([1, 0]);
    } finally {
      await apps.pop()?.close();
      await elsewhere.close();
      await broker.close();
    }
  });

  test('of two applications share a registry, and go with theirs', async () => {
    const other = await createPlayground();
    for (const suffix of ['', '.dlq']) other.remember('queue', `${other.name}.Orders.handle${suffix}`);
    for (const delay of ['100ms'])
      for (const kind of ['queue', 'exchange'] as const) other.remember(kind, `${other.name}.retry.${delay}`);
    try {
      const [one, two] = [await start(), await start({}, {}, other)];
      await one.emit('order.placed', { id: '1' });
      await two.emit('order.placed', { id: '2' });
      expect((await scrape(registry)).sum('outbox_emitted_total')).toBe(2);
      await apps.pop()?.close();
      expect((await scrape(registry)).sum('outbox_emitted_total')).toBe(1);
      await apps.pop()?.close();
      expect((await scrape(registry)).names).toEqual([]);
    } finally {
      await other.close();
    }
  });

  test('cost nothing when they are not asked for: nobody listens but the log, and that to failures', async () => {
    const app = await startApp(playground, { providers: [Orders] });
    apps.push(app);
    const { lifecycle } = app.app.get<ObservedOutbox>(getObservedOutboxToken());
    const busy = ['emitted', 'published', 'batch-settled', 'received', 'handled', 'duplicate'] as const;
    expect(busy.filter((name) => lifecycle.heard(name))).toEqual([]);
    expect(busy.every((name) => LIFECYCLE_NAMES.includes(name))).toBe(true);
  });

  test.each([
    [{ types: -1 }, 'types must be a list of types, or an integer from 0 to 10000, got -1'],
    [{ types: [1] as never }, 'types must be'],
    [{ table: 'yes' as never }, 'table must be true or false, got "yes"'],
    [{ deadLetters: 1 as never }, 'deadLetters must be true or false, got 1'],
    [{ timeout: 'soon' as never }, 'timeout must be a duration of at least 1ms, got "soon"'],
  ])('are refused with wrong options: %j', async (options, message) => {
    await expect(start({}, options)).rejects.toThrow(message);
  });
});
