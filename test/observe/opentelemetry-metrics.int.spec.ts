import { Injectable } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { metrics, type Attributes } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type Histogram,
} from '@opentelemetry/sdk-metrics';
import { OnEvent, Reject } from 'nestjs-rabbitmq-outbox';
import { OutboxOpenTelemetryModule } from 'nestjs-rabbitmq-outbox/opentelemetry';
import { METRICS } from '../../lib/observe/metrics/definitions.js';
import { openStage, type Stage } from '../consume/stage.js';
import { eventually, startApp, type TestApp } from '../support/outbox-app.js';

@Injectable()
class Orders {
  @OnEvent('order.*', { retry: false })
  handle({ how }: { how?: string }): void {
    if (how === 'reject') throw new Reject('never');
  }
}

describe('the numbers that OpenTelemetry exports', () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  let stage: Stage;
  let app: TestApp;

  beforeAll(() => {
    metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  });
  afterAll(() => reader.shutdown());
  beforeEach(async () => {
    stage = await openStage();
    app = await startApp(stage.playground, {
      providers: [Orders],
      imports: [OutboxOpenTelemetryModule.forRoot({ tracing: false })],
    });
  });
  afterEach(async () => {
    await app.close();
    await stage.close();
  });

  /** Everything as it is now. */
  async function collect() {
    exporter.reset();
    await reader.forceFlush();
    return exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
  }

  async function points(name: string, attributes: Attributes = {}) {
    const found = (await collect()).find(({ descriptor }) => descriptor.name === name);
    return (found?.dataPoints ?? []).filter((point) =>
      Object.entries(attributes).every(([key, value]) => point.attributes[key] === value),
    );
  }

  const value = async (name: string, attributes?: Attributes) => (await points(name, attributes))[0]?.value;

  test('equal what was really done, under the names of the conventions where there are any', async () => {
    const hows = [...Array.from({ length: 12 }, () => 'well'), 'reject', 'reject'];
    await app.dataSource.transaction((manager) =>
      app.outbox.emitMany(
        manager,
        hows.map((how) => ({ type: 'order.placed', payload: { how } })),
      ),
    );
    const queue = { 'messaging.destination.name': stage.queue('Orders.handle') };
    await eventually(async () => {
      const outcomes = await points('inbox.processed', queue);
      return outcomes.reduce((sum, point) => sum + (point.value as number), 0) === 14;
    });
    const placed = { 'outbox.name': 'default', 'outbox.event.type': 'order.placed' };
    const system = { 'messaging.system': 'rabbitmq' };
    expect(await value('outbox.emitted', placed)).toBe(14);
    expect(await value('messaging.client.sent.messages', { ...placed, ...system })).toBe(14);
    expect(await value('messaging.client.consumed.messages', { ...queue, ...system })).toBe(14);
    expect(await value('inbox.processed', { ...queue, 'outbox.outcome': 'handled' })).toBe(12);
    expect(await value('inbox.dead_letters', { ...queue, 'outbox.reason': 'rejected' })).toBe(2);
    const handling = (await value('messaging.process.duration', queue)) as Histogram;
    expect(handling.count).toBe(14);
    expect(handling.buckets.boundaries).toEqual([
      0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
    ]);
    // The table's numbers may be a second old.
    await eventually(async () => (await value('outbox.messages', { 'outbox.state': 'pending' })) === 0);
    expect(await value('outbox.lag')).toBe(0);
    expect(await value('outbox.broker.connected', { 'outbox.connection': 'consumer' })).toBe(1);
  });

  test('are 0 before the first delivery, as far as they are of a consumer', async () => {
    const queue = { 'messaging.destination.name': stage.queue('Orders.handle') };
    for (const reason of ['rejected', 'exhausted', 'unmatched'])
      expect(await value('inbox.dead_letters', { ...queue, 'outbox.reason': reason })).toBe(0);
    expect(await value('inbox.retries', queue)).toBe(0);
  });

  test('have every metric of the list that has a value, with its unit and what it is', async () => {
    await app.emit('order.placed');
    await eventually(async () => (await points('messaging.process.duration')).length > 0);
    const exported = (await collect()).map(({ descriptor: { name, unit, description } }) => ({
      name,
      unit,
      description,
    }));
    const known = METRICS.map(({ otelName: name, unit, help: description }) => ({ name, unit, description }));
    expect(known).toEqual(expect.arrayContaining(exported));
    const always = METRICS.filter(({ kind, labels }) => kind !== 'histogram' && labels.length === 0);
    expect(exported.map(({ name }) => name)).toEqual(
      expect.arrayContaining(always.map(({ otelName }) => otelName)),
    );
  });

  test('are not asked for any more once the application has ended', async () => {
    const stats = jest.spyOn(app.relay, 'stats');
    await collect();
    expect(stats).toHaveBeenCalledTimes(1);
    await app.close();
    await collect();
    expect(stats).toHaveBeenCalledTimes(1);
  });
});
