import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Injectable } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  DeadLetters,
  OnEvent,
  OutboxConsumers,
  OutboxTopology,
  PartitionsChangedError,
  PluginMissingError,
  type EventContext,
} from 'nestjs-rabbitmq-outbox';
import { startEmbeddedBroker } from '../../../lib/testing/broker/broker.js';
import { listed } from '../../broker/rabbitmq/listing.js';
import { eventually, type TestApp, type TestAppSettings } from '../../support/outbox-app.js';
import { startRabbitMq, type RabbitMqNode } from '../../support/rabbitmq.mjs';
import { openStage, type Stage } from '../stage.js';

interface Run {
  readonly app: number;
  readonly key: string | undefined;
  readonly n: number;
  readonly attempt: number;
  readonly redelivered: boolean;
}

let runs: Run[];
let act: (run: Run) => unknown;
let apps = 0;

function ledger(partitions: number | undefined, app = 0) {
  @Injectable()
  class Ledger {
    @OnEvent('book.#', { ordered: true, partitions, prefetch: 20, retry: ['100ms'] })
    async book({ n }: { n: number }, { key, attempt, redelivered }: EventContext): Promise<void> {
      const run = { app, key, n, attempt, redelivered };
      runs.push(run);
      await act(run);
    }
  }
  return Ledger;
}

const KEYS = Array.from({ length: 12 }, (_, index) => `k${index}`);
const NUMBERS = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
const PARTITIONS = [1, 2, 3, 4].map((number) => `Ledger.book.partition.${number}`);

let node: RabbitMqNode;
let stage: Stage;

beforeAll(async () => {
  node = await startRabbitMq({ plugins: ['rabbitmq_consistent_hash_exchange'] });
});
afterAll(() => node?.close());
beforeEach(() => {
  runs = [];
  act = () => undefined;
});
afterEach(() => stage?.close());

const of = (key: string) => runs.filter((run) => run.key === key).map(({ n }) => n);

async function start(settings: TestAppSettings = {}, partitions: number | undefined = 4): Promise<TestApp> {
  return stage.start({ providers: [ledger(partitions, ++apps)], ...settings });
}

const send = (key: string | undefined, n: number) =>
  stage.publish('book', { n }, key === undefined ? {} : { headers: { 'outbox-key': key } });

async function sendAll(keys: readonly string[], count: number): Promise<void> {
  for (const n of NUMBERS(count)) await Promise.all(keys.map((key) => send(key, n)));
}

/** What was handled of each key. */
async function handled(): Promise<number[][]> {
  act = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
  const { app } = await start();
  expect(app.get(OutboxConsumers).states).toMatchObject([
    { queue: stage.queue('Ledger.book'), handlers: ['Ledger.book'], consuming: true, paused: false },
  ]);
  await sendAll(KEYS, 5);
  await send(undefined, 1);
  await eventually(() => runs.length === KEYS.length * 5 + 1);
  return KEYS.map(of);
}

describe('a handler with partitions', () => {
  beforeEach(async () => {
    stage = await openStage({ rabbitUrl: node.url, ownBroker: true });
  });

  /** How many messages rest on each of its queues. */
  const depths = async () =>
    Promise.all(PARTITIONS.map(async (queue) => (await stage.look(stage.queue(queue))).messageCount));

  test('handles the events of each key in order', async () => {
    expect(await handled()).toEqual(KEYS.map(() => NUMBERS(5)));
  });

  test('has them spread over its queues, each key on one, also after it has failed', async () => {
    const first = await start();
    await first.close();
    await sendAll(KEYS, 5);
    await eventually(async () => (await depths()).reduce((sum, one) => sum + one, 0) === KEYS.length * 5);
    const spread = await depths();
    expect(spread.filter((depth) => depth > 0).length).toBeGreaterThan(1);
    expect(spread.every((depth) => depth % 5 === 0)).toBe(true);
    act = ({ key, n, attempt }) => {
      if (key === 'k3' && n === 2 && attempt === 1) throw new Error('once');
    };
    await start();
    await eventually(() => KEYS.every((key) => of(key).at(-1) === 5));
    expect(of('k3')).toEqual([1, 2, 2, 3, 4, 5]);
    for (const key of KEYS.filter((one) => one !== 'k3')) expect(of(key)).toEqual(NUMBERS(5));
  });

  test.each(['requeue', 'purge', 'skip'] as const)(
    'goes on with a key whose event is dead after %s',
    async (cure) => {
      act = ({ key, n }) => {
        if (key === 'k1' && n === 2) throw new Error('never');
      };
      const { app } = await start();
      await sendAll(['k1', 'k2'], 3);
      const consumers = app.get(OutboxConsumers);
      await eventually(async () => (await consumers.parked('Ledger.book'))[0]?.state === 'dead');
      await eventually(() => of('k2').length === 3);
      expect(of('k1')).toEqual([1, 2, 2]);
      const letters = app.get(DeadLetters);
      const where = stage.queue('Ledger.book');
      const [letter] = (await letters.list({ where })).letters;
      act = () => undefined;
      const cured =
        cure === 'skip'
          ? await consumers.skip('Ledger.book', 'k1')
          : (await letters[cure](letter?.id as string)).done === 1;
      expect(cured).toBe(true);
      await eventually(() => of('k1').at(-1) === 3);
      expect(of('k1')).toEqual(cure === 'requeue' ? [1, 2, 2, 2, 3] : [1, 2, 2, 3]);
      await eventually(async () => (await consumers.parked()).length === 0);
    },
  );

  test('shares its partitions with replicas that come and go, in order, nothing lost, and twice only what was redelivered', async () => {
    act = () => new Promise((resolve) => setTimeout(resolve, 2));
    const all = [await start(), await start(), await start()];
    let [sent, sending] = [0, true];
    const sender = (async () => {
      while (sending) {
        sent++;
        await Promise.all(KEYS.map((key) => send(key, sent)));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    const active = () => new Set(runs.slice(-KEYS.length * 10).map(({ app }) => app)).size;
    await eventually(() => active() >= 2, 60_000);
    await all[0]?.close();
    const before = runs.length;
    await eventually(() => runs.length > before + KEYS.length * 10);
    sending = false;
    await sender;
    await eventually(() => KEYS.every((key) => of(key).at(-1) === sent));
    // RabbitMQ can forget acks that were on their way when a channel ends.
    const first = runs.filter(({ redelivered }) => !redelivered);
    expect(new Set(first.map(({ key, n }) => `${key} ${n}`)).size).toBe(first.length);
    for (const key of KEYS)
      expect(of(key).filter((n, index, all) => all.indexOf(n) === index)).toEqual(NUMBERS(sent));
  }, 120_000);

  test('can be provided beforehand, for a user that may configure nothing', async () => {
    const { name } = stage.playground;
    const described = await start({ options: { idle: true } });
    const topology = described.app.get(OutboxTopology);
    const user = `${name}-worker`;
    await node.ctl('add_user', user, 'secret');
    const folder = await mkdtemp(path.join(tmpdir(), 'partitions-'));
    const file = path.join(folder, 'definitions.json');
    await writeFile(file, JSON.stringify(topology.definitions({ users: { worker: user } })));
    await node.ctl('import_definitions', file);
    await rm(folder, { recursive: true });
    expect(await topology.check()).toEqual({ missing: [], mismatches: [], uncompared: [] });
    const there = async () => [
      await listed(node, name, 'queues', 'name', 'arguments'),
      await listed(node, name, 'exchanges', 'name', 'type', 'arguments'),
      await listed(node, name, 'bindings', 'source_name', 'destination_name', 'routing_key'),
    ];
    const provided = await there();
    const url = Object.assign(new URL(node.url), { username: user, password: 'secret' }).href;
    const worker = await start({ options: { rabbitmq: { url, topology: 'check' } } });
    act = ({ n, attempt }) => {
      if (n === 2 && attempt === 1) throw new Error('once');
    };
    await sendAll(KEYS, 3);
    await eventually(() => KEYS.every((key) => of(key).at(-1) === 3));
    await worker.close();
    // Nothing that the application would have declared otherwise.
    await start();
    expect(await there()).toEqual(provided);
  });

  test('fails the start while a queue is there from when it had more of them, or none', async () => {
    const first = await start();
    await first.close();
    const fewer = await start({}, 3).catch((error: unknown) => error);
    expect(fewer).toBeInstanceOf(PartitionsChangedError);
    expect(fewer).toMatchObject({ code: 'OUTBOX_PARTITIONS_CHANGED' });
    expect((fewer as Error).message).toContain('Ledger.book.partition.4" exists');
    await expect(stage.start({ providers: [ledger(undefined)] })).rejects.toThrow(PartitionsChangedError);
  });
});

@Injectable()
class Other {
  @OnEvent('other')
  other(): void {}
}

describe('a handler with partitions, on a broker whose plugin is not enabled,', () => {
  test('fails the start and says what to enable, and costs no other its connection', async () => {
    stage = await openStage();
    const other = await stage.start({ providers: [Other] });
    const error = await start().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PluginMissingError);
    expect(error).toMatchObject({
      code: 'OUTBOX_PLUGIN_MISSING',
      plugin: 'rabbitmq_consistent_hash_exchange',
    });
    expect((error as Error).message).toContain('rabbitmq-plugins enable rabbitmq_consistent_hash_exchange');
    expect(other.app.get(OutboxConsumers).states).toMatchObject([{ consuming: true }]);
  });
});

test('the embedded broker has partitions, too', async () => {
  const broker = await startEmbeddedBroker();
  stage = await openStage({ rabbitUrl: broker.url, ownBroker: true });
  expect(await handled()).toEqual(KEYS.map(() => NUMBERS(5)));
  await stage.close();
  await broker.close();
  stage = undefined as never;
});
