import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import amqp from 'amqplib';
import { DataSource } from 'typeorm';
import { OutboxModule, OutboxRelay, OutboxService } from '../../dist/lib/index.js';

/** A schema, an exchange and a quorum queue bound to it, for one benchmark. */
export async function createStage({ databaseUrl, rabbitUrl }, name) {
  const stage = `bench_${name}`;
  const connection = await amqp.connect(rabbitUrl);
  const channel = await connection.createChannel();
  await channel.assertExchange(stage, 'topic', { durable: true });
  await channel.assertQueue(stage, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  await channel.bindQueue(stage, stage, '#');
  const database = await new DataSource({ type: 'postgres', url: databaseUrl }).initialize();
  await database.query(`DROP SCHEMA IF EXISTS ${stage} CASCADE`);
  await database.query(`CREATE SCHEMA ${stage}`);
  return {
    name: stage,
    connection,
    channel,
    database,
    databaseUrl,
    rabbitUrl,
    purge: () => channel.purgeQueue(stage),
    count: async () => (await channel.checkQueue(stage)).messageCount,
    close: async () => {
      await database.query(`DROP SCHEMA ${stage} CASCADE`);
      await database.destroy();
      await channel.deleteQueue(stage);
      await channel.deleteExchange(stage);
      await channel.deleteExchange(`${stage}.dlx`);
      await connection.close();
    },
  };
}

/** An application context with the outbox on the stage. `database` are further settings of its data source. */
export async function startOutbox(stage, options = {}, database = {}) {
  class App {}
  Module({
    imports: [
      TypeOrmModule.forRoot({ type: 'postgres', url: stage.databaseUrl, schema: stage.name, ...database }),
      OutboxModule.forRoot({
        service: stage.name,
        rabbitmq: { url: stage.rabbitUrl, exchange: stage.name },
        storage: { schema: stage.name },
        consumers: { enabled: false },
        ...options,
      }),
    ],
  })(App);
  const app = await NestFactory.createApplicationContext(App, { logger: ['error', 'warn'] });
  const outbox = app.get(OutboxService);
  const dataSource = app.get(DataSource);
  return {
    app,
    outbox,
    dataSource,
    relay: app.get(OutboxRelay),
    /** Fills the outbox: `make(i)` gives each event's options. */
    fill: async (events, payload, make = () => ({})) => {
      for (let i = 0; i < events; i += 5_000) {
        const rows = Array.from({ length: Math.min(5_000, events - i) }, (_, n) => ({
          type: 'bench.event',
          payload,
          ...make(i + n),
        }));
        await dataSource.transaction((manager) => outbox.emitMany(manager, rows));
      }
    },
    close: () => app.close(),
  };
}

/** Resolves when the relay has published this many since it was made. */
export async function published(relay, events) {
  while (relay.counts.published < events) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** amqplib alone: persistent, mandatory publishes with confirms, at most `window` unanswered. */
export async function publishWithConfirms(stage, events, body, window) {
  const channel = await stage.connection.createConfirmChannel();
  await new Promise((resolve, reject) => {
    let sent = 0;
    let confirmed = 0;
    const fill = () => {
      while (sent < events && sent - confirmed < window) {
        sent++;
        const properties = {
          persistent: true,
          mandatory: true,
          messageId: `bench-${sent}`,
          type: 'bench.event',
          appId: stage.name,
          contentType: 'application/octet-stream',
          timestamp: 1_700_000_000,
        };
        channel.publish(stage.name, 'bench.event', body, properties, (error) => {
          if (error) return reject(error);
          if (++confirmed === events) resolve();
          else fill();
        });
      }
    };
    fill();
  });
  await channel.close();
}
