import type { DynamicModule } from '@nestjs/common';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { metrics, type Attributes } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { getOutboxToken, OutboxModule, type OutboxService } from 'nestjs-rabbitmq-outbox';
import { OutboxOpenTelemetryModule } from 'nestjs-rabbitmq-outbox/opentelemetry';
import { OutboxPrometheusModule } from 'nestjs-rabbitmq-outbox/prometheus';
import { Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import {
  createPlayground,
  eventually,
  outboxOptions,
  startApp,
  type Playground,
  type TestApp,
} from '../support/outbox-app.js';
import { scrape } from './scrape.js';

const OUTBOXES = ['default', 'billing'];

describe('the numbers of two outboxes in one application', () => {
  let shop: Playground;
  let billing: Playground;
  let app: TestApp | undefined;

  beforeEach(async () => {
    [shop, billing] = [await createPlayground(), await createPlayground()];
  });
  afterEach(async () => {
    await app?.close();
    app = undefined;
    await shop.close();
    await billing.close();
  });

  async function start(...observing: DynamicModule[]): Promise<void> {
    const { databaseUrl: url, name: schema } = billing;
    const ofBilling = { ...outboxOptions(billing), storage: { schema, dataSource: 'billing' } };
    app = await startApp(shop, {
      importsBefore: [
        TypeOrmModule.forRoot({
          name: 'billing',
          type: 'postgres',
          url,
          schema,
          autoLoadEntities: true,
          retryAttempts: 0,
        }),
      ],
      imports: [OutboxModule.forRoot({ name: 'billing', ...ofBilling }), ...observing],
    });
  }

  /** One event of the shop, two of billing. */
  async function emit(): Promise<void> {
    await app!.emit('order.placed');
    const outbox = app!.app.get<OutboxService>(getOutboxToken('billing'));
    const dataSource = app!.app.get<DataSource>(getDataSourceToken('billing'));
    const event = { type: 'invoice.sent', payload: {} };
    await dataSource.transaction((manager) => outbox.emitMany(manager, [event, event]));
  }

  test('are in one registry of prom-client, and go with the application', async () => {
    const registry = new Registry();
    await start(
      OutboxPrometheusModule.forRoot({ registry }),
      OutboxPrometheusModule.forRoot({ registry, outbox: 'billing' }),
    );
    await emit();
    const published = async () => {
      const { sum } = await scrape(registry);
      return OUTBOXES.map((outbox) => sum('outbox_published_total', { outbox }));
    };
    await eventually(async () => String(await published()) === '1,2');
    const { value, sum } = await scrape(registry);
    expect(sum('outbox_emitted_total')).toBe(3);
    expect(value('outbox_emitted_total', { outbox: 'billing', type: 'invoice.sent' })).toBe(2);
    // The table's numbers may be a second old.
    const lags = OUTBOXES.map((outbox) => value('outbox_lag_seconds', { outbox }));
    expect(lags).toEqual([expect.any(Number), expect.any(Number)]);
    await app!.close();
    app = undefined;
    expect((await scrape(registry)).names).toEqual([]);
  });

  test('are exported by one meter of OpenTelemetry', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
    const latest = async (name: string) => {
      exporter.reset();
      await reader.forceFlush();
      const scopes = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics);
      const found = scopes
        .flatMap((scope) => scope.metrics)
        .find(({ descriptor }) => descriptor.name === name);
      const points: ReadonlyArray<{ attributes: Attributes; value: unknown }> = found?.dataPoints ?? [];
      return OUTBOXES.map((outbox) =>
        points.filter(({ attributes }) => attributes['outbox.name'] === outbox).map(({ value }) => value),
      );
    };
    try {
      await start(
        OutboxOpenTelemetryModule.forRoot({ tracing: false }),
        OutboxOpenTelemetryModule.forRoot({ tracing: false, outbox: 'billing' }),
      );
      await emit();
      await eventually(
        async () => JSON.stringify(await latest('messaging.client.sent.messages')) === '[[1],[2]]',
      );
      expect(await latest('outbox.emitted')).toEqual([[1], [2]]);
      for (const name of ['outbox.lag', 'outbox.relay.batch_size'])
        expect((await latest(name)).map((points) => points.length)).toEqual([1, 1]);
    } finally {
      await reader.shutdown();
      metrics.disable();
    }
  });
});
