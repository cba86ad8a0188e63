import { rm } from 'node:fs/promises';
import path from 'node:path';
import { Injectable } from '@nestjs/common';
import { DeadLetters, type DeadLetterCount, type EventContext, OnEvent } from 'nestjs-rabbitmq-outbox';
import {
  createPlayground,
  eventually,
  startApp,
  type Playground,
  type TestApp,
} from '../support/outbox-app.js';
import { blocksOf, documents, readDocument } from './documents.js';
import { snippetFolder, writeModules } from './snippets.js';

@Injectable()
class Printer {
  jammed = true;
  readonly printed: EventContext[] = [];

  @OnEvent('invoice.sent', { retry: false })
  print(_invoice: unknown, context: EventContext): void {
    if (this.jammed) throw new Error('paper jam');
    this.printed.push(context);
  }
}

const SOME_ID = '0199f0aa-0000-7000-8000-000000000000';
const statements = documents()
  .flatMap(blocksOf)
  .filter(({ language }) => language === 'sql');

let playground: Playground;
let shop: TestApp;
let queue: string;

beforeAll(async () => {
  playground = await createPlayground();
  const { name } = playground;
  queue = `${name}.Printer.print`;
  for (const each of [queue, `${queue}.dlq`]) playground.remember('queue', each);
  playground.remember('exchange', `${name}.late`);
  shop = await startApp(playground, {
    providers: [Printer],
    options: { relay: { retry: { attempts: 1 }, pollInterval: 200 } },
  });
});

afterAll(async () => {
  await shop?.close();
  await playground?.close();
});

test('there is SQL in the guides', () => expect(statements.length).toBeGreaterThan(5));

test.each(statements)('the SQL of $document, line $line, runs', async ({ code }) => {
  await expect(onTables(code)).resolves.toBeDefined();
});

test('the SQL that puts a dead event back has it published, and then the rest of its key', async () => {
  const { name } = playground;
  const emit = (number: number, options: object) =>
    shop.emit('order.placed', { number }, { key: 'order-1', ...options });
  const dead = await emit(1, { exchange: `${name}.late` });
  await eventually(async () => (await stateOf(dead)) === 'dead');
  const parked = await emit(2, {});
  await shop.relay.drain();
  expect(await stateOf(parked)).toBe('pending');

  const channel = await playground.channel();
  await channel.assertExchange(`${name}.late`, 'topic', { durable: true });
  const requeue = statements.find(({ code }) => code.startsWith('UPDATE') && code.includes(SOME_ID));
  await onTables(requeue?.code.replace(SOME_ID, dead) ?? '');
  await eventually(async () => (await stateOf(parked)) === 'published');
  const published = await playground.sql<{ id: string }>(
    `SELECT id FROM ${name}.outbox WHERE key = 'order-1' ORDER BY published_at`,
  );
  expect(published.map(({ id }) => id)).toEqual([dead, parked]);
});

test('the service of the guide counts, lists and requeues, each letter under its own routing key', async () => {
  const folder = snippetFolder();
  const [module] = writeModules(readDocument('docs/operating.md'), folder).filter(
    ({ section }) => section === 'Dead letters',
  );
  const { Operations } = (await import(path.resolve(module?.file ?? ''))) as {
    Operations: new (letters: DeadLetters) => { overview(): Promise<{ counts: DeadLetterCount[] }> };
  };
  const printer = shop.app.get(Printer);
  const id = await shop.emit('invoice.sent', { number: 7 });
  const letters = shop.app.get(DeadLetters);
  const operations = new Operations(letters);
  await eventually(async () =>
    (await operations.overview()).counts.some(({ where, count }) => where === queue && count === 1),
  );

  printer.jammed = false;
  expect(await letters.requeue({ where: queue })).toMatchObject({ done: 1, failed: 0 });
  await eventually(() => printer.printed.length > 0);
  expect(printer.printed).toMatchObject([{ id, attempt: 1, routingKey: 'invoice.sent' }]);
  expect(await letters.get(id)).toEqual([]);
  await rm(folder, { recursive: true });
});

/** Runs a statement of the documents, which know the tables by their default names. */
function onTables(sql: string): Promise<unknown> {
  return playground.sql(sql.replaceAll(/\boutbox(_archive)?\b/g, `${playground.name}.outbox$1`));
}

async function stateOf(id: string): Promise<unknown> {
  const [row] = await playground.sql(`SELECT state FROM ${playground.name}.outbox WHERE id = $1`, [id]);
  return row?.['state'];
}
