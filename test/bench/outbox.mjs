import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { OutboxModule, OutboxRelay, OutboxService } from '../../dist/lib/index.js';

/** An application context with the outbox on a site. `database` are further settings of its data source, `imports`
 * modules beside it. */
export async function startOutbox(site, options = {}, { database = {}, providers = [], imports = [] } = {}) {
  class App {}
  Module({
    imports: [
      TypeOrmModule.forRoot({
        type: 'postgres',
        name: site.schema,
        url: site.databaseUrl,
        schema: site.schema,
        ...database,
      }),
      OutboxModule.forRoot({
        service: site.exchange,
        consumers: { enabled: false },
        ...options,
        rabbitmq: { url: site.rabbitUrl, exchange: site.exchange, ...options.rabbitmq },
        storage: { dataSource: site.schema, schema: site.schema, ...options.storage },
      }),
      ...imports,
    ],
    providers,
  })(App);
  const app = await NestFactory.createApplicationContext(App, { logger: ['error', 'warn'] });
  const outbox = app.get(OutboxService);
  const dataSource = app.get(getDataSourceToken(site.schema));
  return {
    app,
    outbox,
    dataSource,
    relay: app.get(OutboxRelay),
    /** Emits in one transaction, so that all is there at once: `make(i)` gives each event's options. */
    fill: (events, payload, make = () => ({})) =>
      dataSource.transaction(async (manager) => {
        for (let i = 0; i < events; i += 5_000) {
          const rows = Array.from({ length: Math.min(5_000, events - i) }, (_, n) => ({
            type: 'bench.event',
            payload,
            ...make(i + n),
          }));
          await outbox.emitMany(manager, rows);
        }
      }),
    close: () => app.close(),
  };
}

/** Resolves when the relay has published this many since it was made. */
export async function published(relay, events) {
  while (relay.counts.published < events) await new Promise((resolve) => setTimeout(resolve, 2));
}
