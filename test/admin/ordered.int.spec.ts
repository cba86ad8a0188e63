import { Injectable } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { DeadLetters, OnEvent, OutboxConsumers, type EventContext } from 'nestjs-rabbitmq-outbox';
import {
  createPlayground,
  eventually,
  startApp,
  type Playground,
  type TestApp,
} from '../support/outbox-app.js';

/** Handles in order; what fails dies at once, and its key waits. */
@Injectable()
class Ledger {
  broken = new Set<string>();
  readonly handled: EventContext[] = [];

  @OnEvent('booked', { ordered: true, retry: false })
  book(_payload: unknown, context: EventContext): void {
    if (this.broken.has(context.id)) throw new Error('cannot be booked');
    this.handled.push(context);
  }
}

let playground: Playground;
let app: TestApp;
let letters: DeadLetters;
let ledger: Ledger;
let where: string;

beforeAll(async () => {
  playground = await createPlayground();
  where = `${playground.name}.Ledger.book`;
  for (const queue of [where, `${where}.dlq`]) playground.remember('queue', queue);
  app = await startApp(playground, { providers: [Ledger], options: { relay: { pollInterval: 100 } } });
  letters = app.app.get(DeadLetters);
  ledger = app.app.get(Ledger);
});
afterAll(async () => {
  await app?.close();
  await playground?.close();
});
afterEach(() => {
  ledger.broken.clear();
  ledger.handled.length = 0;
});

/** An event of each key that is dead, and one that waits behind it. */
async function parked(keys: readonly string[]): Promise<{ dead: string[]; waiting: string[] }> {
  const ids: { dead: string[]; waiting: string[] } = { dead: [], waiting: [] };
  await app.dataSource.transaction(async (manager) => {
    for (const key of keys) ids.dead.push(await app.outbox.emit(manager, 'booked', {}, { key }));
    for (const id of ids.dead) ledger.broken.add(id);
    for (const key of keys) ids.waiting.push(await app.outbox.emit(manager, 'booked', {}, { key }));
  });
  const consumers = app.app.get(OutboxConsumers);
  await eventually(async () => {
    const found = await consumers.parked('Ledger.book');
    return (
      found.length === keys.length && found.every(({ state, waiting }) => state === 'dead' && waiting === 2)
    );
  });
  ledger.broken.clear();
  return ids;
}

const handled = () => ledger.handled.map(({ id }) => id);

test('a dead letter of an ordered handler is handled before what waited for it when it is requeued', async () => {
  const { dead, waiting } = await parked(['a']);
  expect(await letters.requeue(dead)).toMatchObject({ done: 1, failed: 0 });
  await eventually(() => ledger.handled.length === 2);
  expect(handled()).toEqual([...dead, ...waiting]);
  expect(ledger.handled[0]).toMatchObject({ attempt: 1, key: 'a' });
});

test('what waits behind one goes ahead when it is purged, and nothing else', async () => {
  const { dead, waiting } = await parked(['a', 'b']);
  expect(await letters.purge(dead[0] as string)).toMatchObject({ done: 1 });
  await eventually(() => ledger.handled.length === 1);
  expect(handled()).toEqual([waiting[0]]);
  expect((await letters.list({ where })).letters.map(({ id }) => id)).toEqual([dead[1]]);
  await letters.purge({ where });
  await eventually(() => ledger.handled.length === 2);
  expect(handled()).toEqual(waiting);
});

test('keys whose dead letters were deleted by hand go on when the rest is purged', async () => {
  const { dead, waiting } = await parked(['a', 'b']);
  const channel = await playground.channel();
  await channel.purgeQueue(`${where}.dlq`);
  await channel.close();
  expect(await letters.purge(dead)).toMatchObject({ done: 0 });
  expect(await letters.purge({ where })).toMatchObject({ done: 0, problems: [] });
  await eventually(() => ledger.handled.length === 2);
  expect(handled().sort()).toEqual([...waiting].sort());
});
