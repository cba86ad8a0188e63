import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Diagnosis, RabbitDefinitions, TopologyReport } from 'nestjs-rabbitmq-outbox';
import { openStage, type Stage } from '../consume/stage.js';
import { outboxOptions } from '../support/outbox-app.js';
import { cli, spawned, type Outcome } from './cli.js';

const file = fileURLToPath(new URL('fixtures/shop.mjs', import.meta.url));

let stage: Stage;
let queue: string;

beforeAll(async () => {
  stage = await openStage();
  queue = stage.queue('Billing.bill');
  for (const suffix of ['', '.dlq']) stage.playground.remember('queue', `${queue}${suffix}`);
});

afterAll(() => stage?.close());

const outbox = (args: readonly string[], options: object = {}) => ofShop(['topology', ...args], options);

function ofShop(args: readonly string[], options: object = {}, greeting?: string): Promise<Outcome> {
  const { playground } = stage;
  const fixture = {
    database: { url: playground.databaseUrl, schema: playground.name },
    options: outboxOptions(playground, options),
    greeting,
  };
  return spawned(args, { OUTBOX_FIXTURE: JSON.stringify(fixture) });
}

const App = ['--app', `${file}#AppModule`];

describe('outbox topology export', () => {
  test('prints the definitions of the handlers that the application has, and starts nothing', async () => {
    const users = ['--relay-user', 'shop-relay', '--worker-user', 'shop-worker'];
    const { code, stdout, stderr } = await outbox(['export', ...App, '--vhost', 'shop', ...users]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { queues, bindings, permissions } = JSON.parse(stdout) as RabbitDefinitions;
    expect(queues.map(({ name }) => name.replace(stage.playground.name, '~')).sort()).toEqual([
      '~.Billing.bill',
      '~.Billing.bill.dlq',
      '~.retry.1s',
      '~.retry.5s',
      '~.unclaimed',
    ]);
    expect(bindings.every(({ vhost }) => vhost === 'shop')).toBe(true);
    expect(permissions?.map(({ user, configure }) => [user, configure])).toEqual([
      ['shop-relay', '^$'],
      ['shop-worker', '^$'],
    ]);
    await expect(stage.look(queue)).rejects.toThrow(/NOT_FOUND/);
    const tables = 'SELECT count(*)::int AS n FROM information_schema.tables WHERE table_schema = $1';
    expect(await stage.playground.sql(tables, [stage.playground.name])).toEqual([{ n: 0 }]);
  });

  test('of another outbox of the application knows its own handlers only', async () => {
    const { code, stdout } = await outbox(['export', ...App, '--outbox', 'billing']);
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as RabbitDefinitions).queues).toEqual([]);
  });
});

test('outbox topology permissions prints what each kind of process needs', async () => {
  const { code, stdout } = await outbox(['permissions', ...App]);
  expect(code).toBe(0);
  const [titles, relay] = stdout.split('\n');
  expect(titles?.split(/\s+/)).toEqual(['process', 'configure', 'write', 'read']);
  expect(relay?.split(/\s+/)).toEqual(['relay', '^$', `^(${stage.playground.name})$`, '^$']);
});

describe('outbox topology check', () => {
  test('ends with 1 and names what is missing, then with 0 when it is there', async () => {
    const before = await outbox(['check', ...App, '--json']);
    expect(before.code).toBe(1);
    const { missing } = JSON.parse(before.stdout) as TopologyReport;
    expect(missing).toContain(`queue "${queue}"`);
    await declareAll();
    expect(await outbox(['check', ...App])).toEqual({
      code: 0,
      stdout: 'Everything is there, as it has to be.\n',
      stderr: '',
    });
  });

  test('ends with 1 and says what differs', async () => {
    const { code, stdout } = await outbox(['check', ...App], { consumers: { maxRedeliveries: 3 } });
    expect(code).toBe(1);
    expect(stdout).toBe(
      `different: queue "${queue}" has x-delivery-limit = 20, and would be declared with 3\n`,
    );
  });

  test('ends with 4 when RabbitMQ cannot be reached', async () => {
    const { code, stderr } = await outbox(['check', ...App], { rabbitmq: { url: 'amqp://127.0.0.1:1' } });
    expect(code).toBe(4);
    expect(stderr).toMatch(/^error: No connection to RabbitMQ/m);
  });
});

/** As an application that may. */
async function declareAll(): Promise<void> {
  const { stdout } = await outbox(['export', ...App]);
  const { exchanges, queues, bindings } = JSON.parse(stdout) as RabbitDefinitions;
  await stage.onChannel(async (channel) => {
    for (const one of exchanges)
      await channel.assertExchange(one.name, one.type, { durable: true, arguments: one.arguments });
    for (const one of queues)
      await channel.assertQueue(one.name, { durable: true, arguments: one.arguments });
    for (const one of bindings) await channel.bindQueue(one.destination, one.source, one.routing_key);
  });
}

test('outbox doctor --app knows handlers that never ran, and keeps what the application prints out of its answer', async () => {
  const { databaseUrl, name } = stage.playground;
  await cli(['migrate', '--database-url', databaseUrl, '--schema', name]);
  await declareAll();
  const asked = ['doctor', ...App, '--json', '--watch', '100ms'];
  const { code, stdout, stderr } = await ofShop(asked, {}, 'The shop opens.');
  const { findings } = JSON.parse(stdout) as Diagnosis;
  const problems = findings.map(({ code: found, details }) => [found, details['queue']]);
  expect(problems).toContainEqual(['relay-missing', undefined]);
  expect(problems).toContainEqual(['queue-unconsumed', queue]);
  expect({ code, stderr }).toEqual({ code: 1, stderr: 'The shop opens.\n' });
});

test.each<[string, string[], RegExp]>([
  ['no application', [], /required option '--app <file#class>' not specified/],
  ['a file that is not there', ['--app', 'nowhere.js'], /^error: The application cannot be loaded: /],
  ['a class that is not there', ['--app', `${file}#Other`], /there are .*#AppModule, .*#EmptyModule\./],
  ['a file with several modules', ['--app', file], /Say which module by --app <file>#<class>/],
  ['what is no module', ['--app', `${file}#version`], /Say which module/],
  ['an application without an outbox', ['--app', `${file}#EmptyModule`], /has no outbox without a name/],
  ['an outbox that is not there', [...App, '--outbox', 'other'], /has no outbox of the name "other"/],
])('given %s, a command ends with 2 and says what it needs', async (_what, args, message) => {
  const { code, stdout, stderr } = await outbox(['export', ...args]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(message);
});

test('an application that does not start is told of, with its reason', async () => {
  const { code, stderr } = await outbox(['export', ...App], { relay: { batchSize: 0 } });
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/^error: The application of .*#AppModule does not start: [\s\S]*relay\.batchSize/);
});
