import { randomBytes } from 'node:crypto';
import type { DynamicModule, INestApplicationContext, Provider, Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import amqp, { type Channel, type ChannelModel } from 'amqplib';
import {
  OutboxModule,
  OutboxRelay,
  OutboxService,
  type EmitOptions,
  type OutboxOptions,
} from 'nestjs-rabbitmq-outbox';
import pg from 'pg';
import { DataSource } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions.js';

/** A database schema, an exchange and a service name that no other test file uses. */
export interface Playground {
  readonly name: string;
  readonly databaseUrl: string;
  readonly rabbitUrl: string;
  /** Removes the schema, and every queue and exchange the tests named or `remember()`ed. */
  close(): Promise<void>;
  remember(kind: 'queue' | 'exchange', name: string): void;
  sql<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>;
  channel(): Promise<Channel>;
}

export interface Ground {
  databaseUrl?: string;
  rabbitUrl?: string;
  /**
   * The broker ends with the tests, so nothing is removed from it: RabbitMQ 3.10 can lose what dead-letters for all
   * quorum queues of a node (`rabbit_fifo_dlx_sup`) when they are deleted soon after they were declared.
   */
  ownBroker?: boolean;
}

export async function createPlayground(ground: Ground = {}): Promise<Playground> {
  const name = `t_${randomBytes(5).toString('hex')}`;
  const databaseUrl = ground.databaseUrl ?? required('DATABASE_URL_TEST');
  const rabbitUrl = ground.rabbitUrl ?? required('RABBITMQ_URL_TEST');
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 3 });
  pool.on('error', () => undefined);
  await pool.query(`CREATE SCHEMA ${name}`);
  const queues = new Set([`${name}.unclaimed`]);
  const exchanges = new Set([name, `${name}.dlx`, `${name}.return`, `${name}.unclaimed`]);
  let connection: ChannelModel | undefined;
  const channel = async () => {
    connection ??= await amqp.connect(rabbitUrl);
    connection.on('error', () => undefined);
    connection.on('close', () => {
      connection = undefined;
    });
    const opened = await connection.createChannel();
    opened.on('error', () => undefined);
    return opened;
  };
  return {
    name,
    databaseUrl,
    rabbitUrl,
    channel,
    remember: (kind, thing) => void (kind === 'queue' ? queues : exchanges).add(thing),
    sql: async (text, values = []) => (await pool.query(text, values)).rows as never,
    close: async () => {
      await pool.query(`DROP SCHEMA IF EXISTS ${name} CASCADE`);
      await pool.end();
      if (!ground.ownBroker) await removeFrom(await channel(), queues, exchanges);
      await connection?.close();
    },
  };
}

async function removeFrom(channel: Channel, queues: Iterable<string>, exchanges: Iterable<string>) {
  for (const queue of queues) await channel.deleteQueue(queue);
  for (const exchange of exchanges) await channel.deleteExchange(exchange);
}

function required(variable: string): string {
  const value = process.env[variable];
  if (!value)
    throw new Error(
      `${variable} is not set: run the tests with "npm test", which finds or starts the servers.`,
    );
  return value;
}

export interface TestApp {
  readonly app: TestingModule & INestApplicationContext;
  readonly outbox: OutboxService;
  readonly relay: OutboxRelay;
  readonly dataSource: DataSource;
  /** Emits one event in a transaction of its own. Resolves to its id. */
  readonly emit: (type: string, payload?: unknown, options?: EmitOptions) => Promise<string>;
  readonly close: () => Promise<void>;
}

export interface TestAppSettings {
  options?: Partial<OutboxOptions>;
  providers?: Provider[];
  controllers?: Type[];
  imports?: Array<DynamicModule | Type>;
  /** Imported before the outbox. */
  importsBefore?: Array<DynamicModule | Type>;
  /** Serves HTTP on a free port. */
  http?: boolean;
  /** Of the application's data source, such as a logger. */
  dataSource?: Partial<PostgresDataSourceOptions>;
}

/** A Nest application on the playground: short polls, `npm test`'s servers, everything else as a user gets it. */
export async function startApp(playground: Playground, settings: TestAppSettings = {}): Promise<TestApp> {
  const module = await Test.createTestingModule({
    imports: [
      ...(settings.importsBefore ?? []),
      TypeOrmModule.forRoot({
        type: 'postgres',
        url: playground.databaseUrl,
        schema: playground.name,
        autoLoadEntities: true,
        retryAttempts: 0,
        extra: { max: 10 },
        ...settings.dataSource,
      }),
      OutboxModule.forRoot(outboxOptions(playground, settings.options)),
      ...(settings.imports ?? []),
    ],
    providers: settings.providers ?? [],
    controllers: settings.controllers ?? [],
  }).compile();
  const http = settings.http ? module.createNestApplication() : undefined;
  const app = (http ?? module) as TestApp['app'];
  app.useLogger(process.env['TEST_LOGS'] ? ['log', 'warn', 'error'] : false);
  await app.init().catch(async (error: unknown) => {
    await app.close(); // The data source is not the outbox's to end.
    throw error;
  });
  await http?.listen(0, '127.0.0.1');
  const outbox = app.get(OutboxService);
  const dataSource = app.get(DataSource);
  return {
    app,
    outbox,
    dataSource,
    relay: app.get(OutboxRelay),
    emit: (type, payload = {}, options = {}) =>
      dataSource.transaction((manager) => outbox.emit(manager, type, payload, options)),
    close: () => app.close(),
  };
}

export function outboxOptions(playground: Playground, options: Partial<OutboxOptions> = {}): OutboxOptions {
  const { rabbitmq, storage, relay, ...rest } = options;
  return {
    service: playground.name,
    rabbitmq: {
      url: playground.rabbitUrl,
      exchange: playground.name,
      connection: { reconnectDelay: 100 },
      ...rabbitmq,
    },
    storage: { schema: playground.name, ...storage },
    relay: { pollInterval: 200, ...relay },
    ...rest,
  };
}

type Truthy<T> = Exclude<T, false | null | undefined | 0 | ''>;

/** Resolves with what `look` returns once it is truthy. For outcomes only; signals are awaited, not looked for. */
export async function eventually<T>(look: () => T | Promise<T>, timeout = 30_000): Promise<Truthy<T>> {
  const deadline = Date.now() + timeout;
  for (;;) {
    const seen = await look();
    if (seen) return seen as Truthy<T>;
    if (Date.now() > deadline) throw new Error(`Not within ${timeout} ms: ${look.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
