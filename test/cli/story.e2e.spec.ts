import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import {
  DeadLetters,
  OnEvent,
  OutboxDoctor,
  type DeadLetter,
  type Diagnosis,
  type EventContext,
  type EventToEmit,
  type SweepReport,
} from 'nestjs-rabbitmq-outbox';
import {
  createPlayground,
  eventually,
  startApp,
  type Playground,
  type TestApp,
} from '../support/outbox-app.js';
import { spawned } from './cli.js';

/** Each command is a process, and the machine may have much to do. */
const PATIENCE = 120_000;
jest.setTimeout(5 * PATIENCE);

const BUG = 'order.lines is not iterable';
const RIGHT = 'no such customer';

/** Has a bug that hits every order; and some orders are wrong for good. */
@Injectable()
class Invoicing {
  mended = false;
  readonly invoiced: string[] = [];

  @OnEvent('order.placed', { retry: false })
  invoice({ customer }: { customer: string }, { id }: EventContext): void {
    if (customer === 'nobody') throw new Error(RIGHT);
    if (!this.mended) throw new TypeError(BUG);
    this.invoiced.push(id);
  }
}

let playground: Playground;
let shop: TestApp;
let queue: string;
let partner: string;
let orders: string[];
let refusals: string[];
let reports: string[];

/** 500 orders are dead at the handler with the bug, 5 that are wrong beside them, and 20 could not be published. */
beforeEach(async () => {
  playground = await createPlayground();
  const { name } = playground;
  [queue, partner] = [`${name}.Invoicing.invoice`, `${name}.partner`];
  for (const each of [queue, `${queue}.dlq`, `${name}.retry.1s`, partner]) playground.remember('queue', each);
  for (const each of [`${name}.retry.1s`, partner]) playground.remember('exchange', each);
  shop = await startApp(playground, {
    providers: [Invoicing],
    options: { relay: { pollInterval: 100, retry: { attempts: 1 } } },
  });
  await declarePartner();
  const channel = await playground.channel();
  await channel.deleteExchange(partner);
  orders = await emit(500, () => ({ type: 'order.placed', payload: { customer: 'Ada' } }));
  refusals = await emit(5, () => ({ type: 'order.placed', payload: { customer: 'nobody' } }));
  reports = await emit(20, () => ({ type: 'report.made', payload: {}, exchange: partner }));
  await eventually(async () => (await resting()) === 505, PATIENCE);
  await eventually(async () => (await stateCounts())['dead'] === 20, PATIENCE);
});

afterEach(async () => {
  await shop?.close();
  await playground?.close();
});

const emit = (count: number, event: () => EventToEmit) =>
  shop.dataSource.transaction((manager) =>
    shop.outbox.emitMany(manager, Array.from({ length: count }, event)),
  );

async function resting(): Promise<number> {
  const channel = await playground.channel();
  const { messageCount } = await channel.checkQueue(`${queue}.dlq`);
  await channel.close();
  return messageCount;
}

async function stateCounts(): Promise<Record<string, number>> {
  const rows = await playground.sql<{ state: string; count: number }>(
    `SELECT state, count(*)::int AS count FROM ${playground.name}.outbox GROUP BY state`,
  );
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
}

/** The exchange that somebody has deleted, and the queue of who reads from it. */
async function declarePartner(): Promise<void> {
  const channel = await playground.channel();
  await channel.assertExchange(partner, 'topic', { durable: true });
  await channel.assertQueue(partner, { durable: true });
  await channel.bindQueue(partner, partner, '#');
  await channel.close();
}

async function delivered(): Promise<string[]> {
  const channel = await playground.channel();
  const ids: string[] = [];
  for (;;) {
    const message = await channel.get(partner, { noAck: true });
    if (!message) break;
    ids.push(message.properties.messageId as string);
  }
  await channel.close();
  return ids;
}

async function putRight(): Promise<void> {
  shop.app.get(Invoicing).mended = true;
  await declarePartner();
}

/** All that was dead is done, once; nothing was lost on the way, and what was left alone is where it was. */
async function assertTheEnd(): Promise<void> {
  const { invoiced } = shop.app.get(Invoicing);
  await eventually(() => invoiced.length >= 500, PATIENCE);
  await eventually(async () => (await stateCounts())['published'] === 525, PATIENCE);
  expect(invoiced.toSorted()).toEqual(orders.toSorted());
  expect((await delivered()).toSorted()).toEqual(reports.toSorted());
  expect(await resting()).toBe(0);
  expect(await stateCounts()).toEqual({ published: 525 });
}

test('an operator who has the command only finds out, puts right and requeues, and the counts add up', async () => {
  const before = await json<Diagnosis>(1, 'doctor');
  assertDiagnosis(before);
  const atHandler = await json<{ letters: DeadLetter[] }>(0, 'list', '--where', queue, '--limit', '1000');
  const atPublishing = await json<{ letters: DeadLetter[] }>(
    0,
    'list',
    '--where',
    'publishing',
    '--limit',
    '1000',
  );
  assertListed(atHandler.letters, atPublishing.letters);
  const { stdout } = await command(0, 'show', orders[7] as string);
  expect(stdout).toMatch(new RegExp(`TypeError: ${BUG}[^]*at Invoicing\\.invoice[^]*"customer": "Ada"`));

  await putRight();
  const ofTheBug = ['--where', queue, '--error', 'not iterable'];
  expect(await json<SweepReport>(0, 'requeue', ...ofTheBug, '--dry-run')).toMatchObject({
    done: 500,
    dryRun: true,
  });
  expect(await json<SweepReport>(0, 'requeue', ...ofTheBug)).toMatchObject({ done: 500, failed: 0 });
  const unpublished = ['--where', 'publishing', '--error', 'no exchange'];
  expect(await json<SweepReport>(0, 'requeue', ...unpublished)).toMatchObject({ done: 20, failed: 0 });
  expect(await resting()).toBe(5);
  expect(await json<SweepReport>(0, 'purge', '--error', RIGHT, '--yes')).toMatchObject({
    done: 5,
    places: { [queue]: 5 },
  });
  await assertTheEnd();
  expect(codesOf(await json<Diagnosis>(0, 'doctor'))).toEqual([]);
});

test('an operator who has the services only finds out, puts right and requeues, and the counts add up', async () => {
  const letters = shop.app.get(DeadLetters);
  const doctor = shop.app.get(OutboxDoctor);
  assertDiagnosis(await doctor.diagnose({ watch: 0 }));
  const [atHandler, atPublishing] = [
    await letters.list({ where: queue, limit: 1_000 }),
    await letters.list({ where: 'publishing', limit: 1_000 }),
  ];
  assertListed(atHandler.letters, atPublishing.letters);
  expect(await letters.get(orders[7] as string)).toMatchObject([
    { where: queue, payload: { customer: 'Ada' }, stack: expect.stringContaining('at Invoicing.invoice') },
  ]);

  await putRight();
  const ofTheBug = { where: queue, error: 'not iterable' };
  expect(await letters.requeue(ofTheBug, { dryRun: true })).toMatchObject({ done: 500 });
  expect(await letters.requeue(ofTheBug)).toMatchObject({ done: 500, failed: 0 });
  expect(await letters.requeue({ where: 'publishing', error: 'no exchange' })).toMatchObject({ done: 20 });
  expect(await letters.counts()).toContainEqual({ where: queue, count: 5 });
  expect(await letters.purge({ error: RIGHT })).toMatchObject({ done: 5 });
  await assertTheEnd();
  expect(codesOf(await doctor.diagnose({ watch: 0 }))).toEqual([]);
});

function assertDiagnosis({ healthy, findings }: Diagnosis): void {
  expect(healthy).toBe(false);
  const dead = findings.filter(({ code }) => code === 'dead-letters');
  expect(dead.map(({ details }) => [details['where'], details['count']])).toEqual([
    ['publishing', 20],
    [queue, 505],
  ]);
  expect(dead.map(({ cause }) => cause)).toEqual([
    expect.stringContaining('no exchange'),
    expect.stringContaining(BUG),
  ]);
  const exchange = findings.find(({ code }) => code === 'exchange-missing');
  expect(exchange?.cause).toContain(`exchange "${partner}"`);
}

function assertListed(atHandler: readonly DeadLetter[], atPublishing: readonly DeadLetter[]): void {
  expect(atHandler.map(({ id }) => id).toSorted()).toEqual([...orders, ...refusals].toSorted());
  expect(atHandler.filter(({ error }) => error === `TypeError: ${BUG}`)).toHaveLength(500);
  expect(atPublishing.map(({ id }) => id)).toEqual(reports);
  expect(new Set(atPublishing.map(({ error }) => error.includes('no exchange')))).toEqual(new Set([true]));
}

const codesOf = ({ findings }: Diagnosis) =>
  findings.filter(({ level }) => level === 'problem').map(({ code }) => code);

async function command(code: number, ...args: string[]): ReturnType<typeof spawned> {
  const { name, databaseUrl, rabbitUrl } = playground;
  const at = [
    '--database-url',
    databaseUrl,
    '--schema',
    name,
    '--rabbitmq-url',
    rabbitUrl,
    '--exchange',
    name,
  ];
  const outcome = await spawned([...args, ...at]);
  if (outcome.code !== code)
    throw new Error(
      `${args.join(' ')} ended with ${outcome.code}: ${outcome.stderr}${outcome.stdout.slice(0, 1_000)}`,
    );
  return outcome;
}

const json = async <T>(code: number, ...args: string[]): Promise<T> =>
  JSON.parse((await command(code, ...args, '--json')).stdout) as T;
