import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import {
  createPlayground,
  eventually,
  startApp,
  type Playground,
  type TestApp,
} from '../support/outbox-app.js';
import { spawned } from './cli.js';

const script = fileURLToPath(new URL('../../dist/lib/cli/outbox.js', import.meta.url));

jest.setTimeout(180_000);

let playground: Playground;
let api: TestApp;
let at: string[];
const running: ChildProcess[] = [];

beforeAll(async () => {
  playground = await createPlayground();
  const { name, databaseUrl, rabbitUrl } = playground;
  at = ['--database-url', databaseUrl, '--schema', name, '--rabbitmq-url', rabbitUrl, '--exchange', name];
  api = await startApp(playground, { options: { relay: { enabled: false }, consumers: { enabled: false } } });
  playground.remember('queue', `${name}.all`);
});
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});
afterAll(async () => {
  await api?.close();
  await playground?.close();
});

interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
}

function relay(...args: string[]): Running {
  const child = spawn(process.execPath, [script, 'relay', '--service', 'shop', ...args, ...at]);
  running.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (text += String(chunk)));
  return { child, output: () => text };
}

const pending = async () =>
  (
    await playground.sql<{ count: number }>(
      `SELECT count(*)::int AS count FROM ${playground.name}.outbox WHERE state <> 'published'`,
    )
  )[0]?.count;
const relays = async () =>
  (
    await playground.sql<{ count: number }>(
      `SELECT count(*)::int AS count FROM ${playground.name}.outbox_relay`,
    )
  )[0]?.count;

test('publishes what others emit, and ends in order at SIGTERM, with 0', async () => {
  const { child, output } = relay('--json');
  await eventually(() => output().includes('Relaying to exchange'), 90_000);
  const channel = await playground.channel();
  await channel.assertQueue(`${playground.name}.all`);
  await channel.bindQueue(`${playground.name}.all`, playground.name, '#');
  const id = await api.emit('order.placed', { price: 3 });
  const message = await eventually(() => channel.get(`${playground.name}.all`, { noAck: true }));
  expect(message.properties).toMatchObject({ messageId: id, appId: 'shop' });
  await eventually(async () => (await pending()) === 0);
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number];
  expect(code).toBe(0);
  const lines = output()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { message: string });
  expect(lines.at(-1)?.message).toBe('Stopped. 1 events were published.');
  expect(await relays()).toBe(0);
});

test('publishes all that is due with --drain, and ends', async () => {
  for (let i = 0; i < 3; i++) await api.emit('order.placed');
  const { code, stdout, stderr } = await spawned(['relay', '--drain', '--service', 'shop', '--json', ...at]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toMatchObject({ published: 3, dead: 0 });
  expect(await pending()).toBe(0);
});

test('says whose events it needs to know, and with codes what is not there', async () => {
  expect(await spawned(['relay', ...at])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--service'),
  });
  const elsewhere = ['--database-url', playground.databaseUrl, '--schema', 'nowhere_to_be_found'];
  expect(await spawned(['relay', '--service', 'shop', ...elsewhere])).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('is at version 0'),
  });
  const unreachable = [...at.slice(0, 4), '--rabbitmq-url', 'amqp://127.0.0.1:1'];
  expect(await spawned(['relay', '--drain', '--service', 'shop', ...unreachable])).toMatchObject({ code: 4 });
});
