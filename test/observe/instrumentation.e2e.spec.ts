import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { OutboxOpenTelemetryOptions } from 'nestjs-rabbitmq-outbox/opentelemetry';
import { openStage, type Stage } from '../consume/stage.js';
import { eventually, outboxOptions } from '../support/outbox-app.js';

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

interface RecordedSpan {
  readonly name: string;
  readonly scope: string;
  readonly trace: string;
  readonly id: string;
  readonly parent?: string;
  readonly links: readonly string[];
  readonly attributes: Readonly<Record<string, unknown>>;
}

describe('beside the instrumentation of http, pg and amqplib', () => {
  let stage: Stage;
  let child: ChildProcess;

  beforeEach(async () => {
    stage = await openStage();
    for (const handler of ['invoice', 'notify'])
      for (const suffix of ['', '.dlq'])
        stage.playground.remember('queue', `${stage.queue(`Orders.${handler}`)}${suffix}`);
    for (const delay of ['1s', '10s', '1m', '5m'])
      for (const kind of ['queue', 'exchange'] as const)
        stage.playground.remember(kind, `${stage.playground.name}.retry.${delay}`);
  });
  afterEach(async () => {
    child.kill('SIGKILL');
    await stage.close();
  });

  async function ask<Answer>(question?: string): Promise<Answer> {
    const answer = once(child, 'message') as Promise<[Answer]>;
    if (question) child.send(question);
    return (await answer)[0];
  }
  const spans = async () => (await ask<{ spans: RecordedSpan[] }>('spans')).spans;

  /** Places an order, and resolves to all spans once its last event has been handled and the relay is idle again. */
  async function placeOrder(telemetry: OutboxOpenTelemetryOptions): Promise<RecordedSpan[]> {
    const { playground } = stage;
    const settings = {
      database: { url: playground.databaseUrl, schema: playground.name, autoLoadEntities: true },
      options: outboxOptions(playground, { relay: { pollInterval: 50 } }),
      telemetry,
    };
    child = fork(fixture('traced-shop.mjs'), {
      env: { ...process.env, OUTBOX_FIXTURE: JSON.stringify(settings) },
      execArgv: ['--import', fixture('register.mjs')],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const { url } = await ask<{ url: string }>();
    expect((await fetch(`${url}/orders`, { method: 'POST' })).status).toBe(201);
    return eventually(async () => {
      const ended = await spans();
      const last = `process ${stage.queue('Orders.notify')}`;
      return ended.some(({ name, scope }) => name === last && scope === 'nestjs-rabbitmq-outbox') && ended;
    });
  }

  const ours = (all: readonly RecordedSpan[]) =>
    all.filter(({ scope }) => scope === 'nestjs-rabbitmq-outbox');
  const statements = (all: readonly RecordedSpan[]) =>
    all.filter(({ scope }) => scope.endsWith('-pg')).filter(({ name }) => name.startsWith('pg.query'));

  test('one trace goes from the request through the rows to the last handler, and no message is told twice', async () => {
    const all = await placeOrder({ metrics: false });
    const request = all.find(({ scope }) => scope.endsWith('-http')) as RecordedSpan;
    const chain = ours(all).filter(({ name }) => !name.startsWith('send'));
    expect(chain.map(({ name }) => name.split(/[ :]/)[0])).toEqual([
      'create',
      'create',
      'process',
      'process',
    ]);
    expect(new Set(chain.map(({ trace }) => trace))).toEqual(new Set([request.trace]));
    expect(all.filter(({ scope }) => scope.endsWith('-amqplib'))).toEqual([]);
  });

  test('the statements of the application are in its traces, and those of the relay in none', async () => {
    const all = await placeOrder({ metrics: false });
    const request = all.find(({ scope }) => scope.endsWith('-http')) as RecordedSpan;
    const inserts = statements(all).filter(
      ({ name, trace }) => name.startsWith('pg.query:INSERT') && trace === request.trace,
    );
    const created = ours(all).filter(({ name }) => name.startsWith('create'));
    expect(new Set(inserts.map(({ parent }) => parent))).toEqual(new Set(created.map(({ id }) => id)));
    await eventually(async () => (await stage.playground.sql(PUBLISHED(stage))).length === 2);
    const later = statements(await spans()).filter(({ trace }) => trace !== request.trace);
    const relayed = later.filter(({ attributes }) => /outbox/.test(String(attributes['db.statement'])));
    // What brought the tables up to date, before there was anything to trace.
    expect(
      relayed.filter(({ attributes }) => /UPDATE|DELETE|state/.test(String(attributes['db.statement']))),
    ).toEqual([]);
    const traced = statements(all).filter(({ trace }) => trace === request.trace);
    expect(traced.map(({ name }) => name.split(' ')[0])).toEqual([
      'pg.query:START',
      'pg.query:INSERT',
      'pg.query:COMMIT',
      'pg.query:START',
      'pg.query:INSERT',
      'pg.query:COMMIT',
    ]);
  });

  test('the instrumentation is left alone if that is asked for', async () => {
    await placeOrder({
      metrics: false,
      tracing: { suppressAmqplib: false, suppressRelay: false },
    });
    await eventually(
      async () => (await spans()).filter(({ scope }) => scope.endsWith('-amqplib')).length === 2,
    );
    const relayed = await eventually(async () => {
      const updates = statements(await spans()).filter(({ name }) => name.startsWith('pg.query:UPDATE'));
      return updates.length > 0 && updates;
    });
    expect(relayed.length).toBeGreaterThan(0);
  });
});

const PUBLISHED = ({ playground }: Stage) =>
  `SELECT 1 FROM ${playground.name}.outbox WHERE state = 'published'`;
