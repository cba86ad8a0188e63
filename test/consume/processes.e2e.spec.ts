import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { OutboxOptions } from 'nestjs-rabbitmq-outbox';
import { eventually, outboxOptions } from '../support/outbox-app.js';
import { openStage, type Stage } from './stage.js';

const FIXTURE = fileURLToPath(new URL('fixtures/worker.mjs', import.meta.url));

/** Of the test that ends processes again and again. */
const ROUNDS = Number(process.env['SHUTDOWN_ROUNDS'] ?? 8);

interface Report {
  readonly started?: true;
  readonly failed?: string;
  readonly began?: string;
  readonly redelivered?: boolean;
  readonly handled?: string;
}

describe('a worker process', () => {
  let stage: Stage;
  let children: ChildProcess[];

  beforeEach(async () => {
    children = [];
    stage = await openStage();
    // It declares in its own process, where nobody remembers what for.
    for (const handler of ['slow', 'deadly', 'fine'])
      for (const queue of [stage.queue(`Worker.${handler}`), `${stage.queue(`Worker.${handler}`)}.dlq`])
        stage.playground.remember('queue', queue);
    for (const delay of ['1s', '10s', '1m', '5m'])
      for (const kind of ['queue', 'exchange'] as const)
        stage.playground.remember(kind, `${stage.playground.name}.retry.${delay}`);
  });

  afterEach(async () => {
    for (const child of children) child.kill('SIGKILL');
    await stage.close();
  });

  function launch(options: Partial<OutboxOptions> = {}) {
    const { playground } = stage;
    const fixture = {
      database: { url: playground.databaseUrl, schema: playground.name },
      options: outboxOptions(playground, { ...options, relay: { enabled: false } }),
    };
    const env = { ...process.env, OUTBOX_FIXTURE: JSON.stringify(fixture) };
    const child = fork(FIXTURE, { env, execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const reports: Report[] = [];
    child.on('message', (report) => void reports.push(report as Report));
    children.push(child);
    return { child, reports, ended: once(child, 'exit') as Promise<[number | null, string | null]> };
  }

  async function start(options: Partial<OutboxOptions> = {}) {
    const worker = launch(options);
    // A busy machine takes its time to start a process.
    await eventually(() => worker.reports.some(({ started }) => started), 60_000);
    return worker;
  }

  const handled = (reports: readonly Report[]) => reports.flatMap(({ handled: id }) => id ?? []);
  const began = (reports: readonly Report[]) => reports.flatMap(({ began: id }) => id ?? []);

  test('under load ends at SIGTERM by itself, with 0: what runs is finished, the rest is left to others', async () => {
    const { child, reports, ended } = await start();
    const ids = await Promise.all(Array.from({ length: 200 }, () => stage.publish('slow')));
    await eventually(() => handled(reports).length >= 20);
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(handled(reports).length).toBeLessThan(200);
    expect(new Set(handled(reports))).toEqual(new Set(began(reports)));
    const next = await start();
    await eventually(() => handled(reports).length + handled(next.reports).length >= 200);
    next.child.kill('SIGTERM');
    expect(await next.ended).toEqual([0, null]);
    const all = [...handled(reports), ...handled(next.reports)];
    expect(all).toHaveLength(200);
    expect(new Set(all)).toEqual(new Set(ids));
  });

  test(
    'under load, ended again and again while others begin, loses nothing, and handles nothing twice that is not redelivered',
    async () => {
      const ids = new Set<string>();
      const workers = [await start()];
      let sending = true;
      const sender = (async () => {
        while (sending) {
          for (let i = 0; i < 5; i++) ids.add(await stage.publish('slow'));
          await new Promise((resolve) => setTimeout(resolve, 40));
        }
      })();
      const ends: Array<[number | null, string | null]> = [];
      try {
        for (let round = 1; round <= ROUNDS; round++) {
          const last = workers.at(-1) as Awaited<ReturnType<typeof start>>;
          const [next] = await Promise.all([
            start(),
            eventually(() => handled(last.reports).length >= 10, 60_000),
          ]);
          last.child.kill('SIGTERM');
          workers.push(next);
          ends.push(await last.ended);
        }
      } finally {
        sending = false;
        await sender;
      }
      // An unhandled rejection would have ended one with 1.
      expect(ends).toEqual(ends.map(() => [0, null]));
      const reports = () => workers.flatMap((worker) => worker.reports);
      await eventually(() => new Set(handled(reports())).size === ids.size, 60_000);
      const first = reports().filter(({ began: id, redelivered }) => id !== undefined && !redelivered);
      expect(new Set(began(first)).size).toBe(first.length);
      expect(new Set(handled(reports()))).toEqual(ids);
      expect((await stage.look(`${stage.queue('Worker.slow')}.dlq`)).messageCount).toBe(0);
    },
    120_000 + ROUNDS * 15_000,
  );

  test('that has nothing to do ends at SIGTERM by itself, with 0', async () => {
    const { child, ended } = await start();
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  test('that an event kills again and again is rid of it after maxRedeliveries: it is a dead letter', async () => {
    const options = { consumers: { maxRedeliveries: 2 } };
    const first = await start(options);
    const poison = await stage.publish('deadly', { deadly: true });
    expect(await first.ended).toEqual([null, 'SIGKILL']);
    const victims = [first];
    for (let redelivery = 1; redelivery <= 2; redelivery++) {
      const next = launch(options);
      victims.push(next);
      expect(await next.ended).toEqual([null, 'SIGKILL']);
    }
    const letter = await stage.deadLetter(stage.queue('Worker.deadly'));
    expect(letter.properties.messageId).toBe(poison);
    expect(JSON.parse(letter.content.toString())).toEqual({ deadly: true });
    expect(letter.properties.headers?.['x-death']).toMatchObject([{ reason: 'delivery_limit', count: 1 }]);
    expect(victims.flatMap(({ reports }) => began(reports))).toEqual([poison, poison, poison]);
    const survivor = await start(options);
    const fine = await stage.publish('fine');
    await eventually(() => handled(survivor.reports).includes(fine));
  });

  test('that is killed hands its events to another, which sees that they were delivered before', async () => {
    const { child, reports, ended } = await start();
    const ids = await Promise.all(Array.from({ length: 40 }, () => stage.publish('slow')));
    await eventually(() => began(reports).length === 20);
    child.kill('SIGKILL');
    await ended;
    const next = await start();
    await eventually(() => new Set([...handled(reports), ...handled(next.reports)]).size === 40);
    expect(new Set([...handled(reports), ...handled(next.reports)])).toEqual(new Set(ids));
    const again = next.reports.filter(({ redelivered }) => redelivered).map(({ began: id }) => id);
    expect(began(reports)).toEqual(expect.arrayContaining(again));
    expect(again.length).toBeGreaterThan(0);
  });

  test('whose topology does not fit fails its start, and ends by itself', async () => {
    await stage.onChannel((channel) => channel.assertQueue(stage.queue('Worker.slow')));
    const { reports, ended } = launch();
    expect(await ended).toEqual([3, null]);
    expect(reports).toEqual([{ failed: 'TopologyMismatchError' }]);
  });
});
