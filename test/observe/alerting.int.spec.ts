import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { OnEvent, OutboxConsumers, type OutboxOptions } from 'nestjs-rabbitmq-outbox';
import { OutboxPrometheusModule, type OutboxPrometheusOptions } from 'nestjs-rabbitmq-outbox/prometheus';
import { Registry } from 'prom-client';
import { COUNTERS, type MetricDefinition } from '../../lib/observe/metrics/definitions.js';
import { openStage, type Stage } from '../consume/stage.js';
import { eventually, startApp, type TestApp } from '../support/outbox-app.js';
import { scrape } from './scrape.js';

@Injectable()
class Orders {
  @OnEvent('order.*')
  handle(): void {}
}

const countersBy = (label: string) =>
  Object.values<MetricDefinition>(COUNTERS)
    .filter(({ labels }) => labels[0] === label)
    .map(({ name }) => name);

describe('what alerts are made of', () => {
  let stage: Stage;
  let registry: Registry;
  let app: TestApp;

  beforeEach(async () => {
    stage = await openStage();
    registry = new Registry();
  });
  afterEach(async () => {
    await app?.close();
    await stage.close();
  });

  async function start(
    prometheus: OutboxPrometheusOptions = {},
    options: Partial<OutboxOptions> = {},
  ): Promise<void> {
    app = await startApp(stage.playground, {
      options,
      providers: [Orders],
      imports: [OutboxPrometheusModule.forRoot({ registry, ...prometheus })],
    });
  }

  test('every counter of a consumer is 0 before its first delivery, by each outcome and reason', async () => {
    await start();
    const { value, sum, labelValues } = await scrape(registry);
    const consumer = stage.queue('Orders.handle');
    const counters = countersBy('consumer');
    expect(counters).toContain('inbox_dead_letters_total');
    expect(counters.map((name) => [name, value(name, { consumer })])).toEqual(
      counters.map((name) => [name, 0]),
    );
    expect(labelValues('inbox_dead_letters_total', 'reason')).toEqual(['rejected', 'exhausted', 'unmatched']);
    expect(labelValues('inbox_processed_total', 'outcome')).toEqual([
      'handled',
      'retried',
      'dead-lettered',
      'aborted',
      'duplicate',
    ]);
    expect(sum('inbox_processed_total')).toBe(0);
  });

  test('every counter by type is 0 for a type that is listed, and for the others', async () => {
    await start({ types: ['order.placed'] });
    const { value, labelValues } = await scrape(registry);
    for (const name of countersBy('type')) {
      expect([name, labelValues(name, 'type')]).toEqual([name, ['order.placed', 'other']]);
      expect(value(name, { type: 'other' })).toBe(0);
    }
  });

  test('every counter by type is 0 from when a type is first seen, and for the others once there are some', async () => {
    await start({ types: 2 });
    await app.emit('order.placed');
    await eventually(async () => (await scrape(registry)).sum('outbox_published_total') === 1);
    const first = await scrape(registry);
    expect(first.value('outbox_unroutable_total', { type: 'order.placed' })).toBe(0);
    expect(first.value('outbox_publish_failures_total', { type: 'order.placed' })).toBe(0);
    expect(first.labelValues('outbox_emitted_total', 'type')).toEqual(['order.placed']);
    await app.emit('order.paid');
    const { value } = await scrape(registry);
    expect(value('outbox_unroutable_total', { type: 'other' })).toBe(0);
  });

  test('a process that does not relay counts nothing that only a relay does', async () => {
    await start({ types: ['order.placed'] }, { relay: { enabled: false } });
    const { labelValues } = await scrape(registry);
    const counted = countersBy('type').filter((name) => labelValues(name, 'type').length > 0);
    expect(counted).toEqual(['outbox_emitted_total']);
  });

  test('a consumer that is paused by hand is paused, and not lost', async () => {
    await start();
    const consumer = stage.queue('Orders.handle');
    const seen = async () => {
      const { value } = await scrape(registry);
      return ['active', 'paused'].map((what) => value(`inbox_consumer_${what}`, { consumer }));
    };
    await eventually(async () => (await seen())[0] === 1);
    expect(await seen()).toEqual([1, 0]);
    const consumers = app.app.get(OutboxConsumers);
    await consumers.pause('Orders.handle');
    expect(await seen()).toEqual([undefined, 1]);
    consumers.resume();
    await eventually(async () => (await seen())[0] === 1);
    expect(await seen()).toEqual([1, 0]);
  });
});
