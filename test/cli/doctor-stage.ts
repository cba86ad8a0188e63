import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Injectable } from '@nestjs/common';
import { expect } from '@jest/globals';
import { OnEvent, type Diagnosis, type Finding } from 'nestjs-rabbitmq-outbox';
import {
  createPlayground,
  eventually,
  startApp,
  type Playground,
  type TestApp,
} from '../support/outbox-app.js';
import { startRabbitMq, type RabbitMqNode } from '../support/rabbitmq.mjs';
import { cli, spawned } from './cli.js';

const script = fileURLToPath(new URL('../../dist/lib/cli/outbox.js', import.meta.url));

@Injectable()
export class Invoicing {
  broken = false;

  @OnEvent('order.placed', { retry: false })
  invoice(): void {
    if (this.broken) throw new Error('the printer is on fire');
  }
}

/** A process takes a while to start on a machine that has much to do. */
export const PATIENCE = 90_000;

export let node: RabbitMqNode;
export let playground: Playground;
export let table: string;
export const apps: TestApp[] = [];
const relays: ChildProcess[] = [];
export const cleanups: Array<() => unknown> = [];

export async function startBroker(): Promise<void> {
  node = await startRabbitMq();
}

export const stopBroker = () => node?.close();

/** A playground on that broker. */
export async function open(): Promise<void> {
  playground = await createPlayground({ rabbitUrl: node.url, ownBroker: true });
  table = `${playground.name}.outbox`;
}

/** Undoes all that was done, also by tests. */
export async function leave(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  for (const relay of relays.splice(0)) await end(relay);
  for (const app of apps.splice(0)) await app.close();
  await playground.close();
}

export async function app(settings: Parameters<typeof startApp>[1] = {}): Promise<TestApp> {
  const started = await startApp(playground, { providers: [Invoicing], ...settings });
  apps.push(started);
  return started;
}

/** Once the process has told of its relay and of its consumers. */
export async function healthy(settings: Parameters<typeof startApp>[1] = {}): Promise<TestApp> {
  const started = await app(settings);
  if (settings.options?.relay?.enabled !== false)
    await eventually(() => rows(`${playground.name}.outbox_relay`));
  await eventually(() => rows(`${playground.name}.outbox_consumers`));
  await started.emit('order.placed');
  await eventually(async () => (await states()).every((state) => state === 'published'));
  return started;
}

export const rows = async (name: string) =>
  (await playground.sql<{ count: number }>(`SELECT count(*)::int AS count FROM ${name}`))[0]?.count;
export const states = async () =>
  (await playground.sql<{ state: string }>(`SELECT state FROM ${table}`)).map(({ state }) => state);

export function at(urls: { database?: string; rabbit?: string } = {}): string[] {
  const { databaseUrl, rabbitUrl, name } = playground;
  const { database = databaseUrl, rabbit = rabbitUrl } = urls;
  return ['--database-url', database, '--schema', name, '--rabbitmq-url', rabbit, '--exchange', name];
}

/** A relay in a process of its own. */
export async function relay(rabbitUrl = playground.rabbitUrl): Promise<ChildProcess> {
  const before = (await rows(`${playground.name}.outbox_relay`)) ?? 0;
  const child = spawn(
    process.execPath,
    [script, 'relay', '--service', 'shop', ...at({ rabbit: rabbitUrl })],
    {
      stdio: 'ignore',
    },
  );
  relays.push(child);
  await eventually(async () => ((await rows(`${playground.name}.outbox_relay`)) ?? 0) > before, PATIENCE);
  return child;
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** As long as nobody has heard of the relays. */
export const aged = () =>
  playground.sql(`UPDATE ${playground.name}.outbox_relay SET seen_at = now() - interval '1 minute'`);

export async function diagnose(
  args: readonly string[] = [],
  { where = at(), env }: { where?: string[]; env?: NodeJS.ProcessEnv } = {},
): Promise<Diagnosis & { code: number }> {
  const asked = ['doctor', '--json', '--watch', '200ms', ...where, ...args];
  const { code, stdout, stderr } = await (env ? spawned(asked, env) : cli(asked));
  if (stdout === '') throw new Error(`doctor ended with ${code}: ${stderr}`);
  return { code, ...(JSON.parse(stdout) as Diagnosis) };
}

export async function found(code: string, ...asked: Parameters<typeof diagnose>): Promise<Finding> {
  const diagnosis = await diagnose(...asked);
  expect(diagnosis.findings.map((finding) => finding.code)).toContain(code);
  expect(diagnosis.code).toBe(1);
  expect(diagnosis.healthy).toBe(false);
  return diagnosis.findings.find((finding) => finding.code === code) as Finding;
}

/** The application is left as it is, but declares nothing any more: a queue that is deleted stays so. */
export async function provided(): Promise<void> {
  for (const running of apps.splice(0)) await running.close();
  await app({ options: { rabbitmq: { topology: 'check' } } });
  await eventually(async () => {
    const [row] = await playground.sql<{ count: number }>(
      `SELECT count(*)::int AS count FROM ${playground.name}.outbox_consumers WHERE stopped_at IS NULL`,
    );
    return row?.count === 1;
  });
}
