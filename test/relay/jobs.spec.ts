import { SchedulerRegistry } from '@nestjs/schedule';
import { describe, expect, test } from '@jest/globals';
import { Job, showTimer } from '../../lib/relay/jobs.js';
import { UNHEARD } from '../../lib/lifecycle/lifecycle.js';
import { createPruner, PRUNE_JOB, publishedEvents } from '../../lib/relay/pruner.js';
import { gate, quiet, until } from './fakes.js';

describe('a job', () => {
  test('runs again and again, never twice at a time, and not once it is stopped', async () => {
    let running = 0;
    let most = 0;
    let runs = 0;
    const work = async () => {
      most = Math.max(most, ++running);
      await quiet();
      running--;
      runs++;
    };
    const job = new Job('job', () => 1, work, undefined);
    job.start();
    await until(() => runs >= 3);
    await job.stop();
    const before = runs;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([runs, most, running]).toEqual([before, 1, 0]);
  });

  test('is told when it is to stop, and is waited for', async () => {
    const finishing = gate();
    let told = false;
    let begun = false;
    let ended = false;
    const job = new Job(
      'job',
      () => 1,
      async (stopping) => {
        begun = true;
        stopping.addEventListener('abort', () => (told = true));
        await finishing.opened;
        ended = true;
      },
      undefined,
    );
    job.start();
    await until(() => begun);
    const stopped = job.stop();
    expect([told, ended]).toEqual([true, false]);
    finishing.open();
    await stopped;
    expect(ended).toBe(true);
  });

  test('is in the registry while it waits, and gone when it is stopped', async () => {
    const registry = new SchedulerRegistry();
    let runs = 0;
    const work = () => {
      expect(registry.doesExist('timeout', 'job')).toBe(false);
      runs++;
      return Promise.resolve();
    };
    const job = new Job('job', () => 5, work, registry);
    job.start();
    expect(registry.doesExist('timeout', 'job')).toBe(true);
    await until(() => runs >= 2 && registry.doesExist('timeout', 'job'));
    await job.stop();
    expect(registry.getTimeouts()).toEqual([]);
  });
});

describe('a timer in the registry', () => {
  test('of a name that is taken is not shown, and hiding it leaves the other alone', () => {
    const registry = new SchedulerRegistry();
    const [mine, theirs] = [setTimeout(() => {}, 60_000), setTimeout(() => {}, 60_000)];
    const hideTheirs = showTimer(registry, 'job', theirs);
    const hideMine = showTimer(registry, 'job', mine);
    hideMine();
    expect(registry.getTimeout('job')).toBe(theirs);
    hideTheirs();
    expect(registry.getTimeouts()).toEqual([]);
    hideTheirs();
    clearTimeout(mine);
  });
});

describe('the pruner', () => {
  const logger = { warnings: [] as string[], warn: (message: string) => void logger.warnings.push(message) };

  test('walks on until there is nothing left, with the retention it was given', async () => {
    const calls: unknown[][] = [];
    let steps = 0;
    const store = {
      async *prune(...parameters: [number, number]) {
        calls.push(parameters);
        for (const count of [5_000, 3, 5_000, 0]) {
          steps++;
          yield await Promise.resolve(count);
        }
      },
    };
    const pruner = createPruner(publishedEvents(store, UNHEARD), 60_000, undefined, logger);
    pruner.start();
    await until(() => steps === 4);
    await pruner.stop();
    expect(calls).toEqual([[60_000, 5_000, expect.any(AbortSignal)]]);
  });

  test('stops between two steps when it is told to', async () => {
    let steps = 0;
    const store = {
      async *prune() {
        for (;;) {
          await quiet();
          yield ++steps;
        }
      },
    };
    const pruner = createPruner(publishedEvents(store, UNHEARD), 60_000, undefined, logger);
    pruner.start();
    await until(() => steps > 2);
    await pruner.stop();
    const before = steps;
    await quiet();
    expect(steps).toBe(before);
  });

  test('does not walk on and on through what is to stay', async () => {
    let [walks, steps] = [0, 0];
    const store = {
      async *prune() {
        walks++;
        yield* [5, 0, 3];
        for (;;) {
          steps++;
          yield await Promise.resolve(0);
        }
      },
    };
    const registry = new SchedulerRegistry();
    const pruner = createPruner(publishedEvents(store, UNHEARD), 60_000, registry, logger);
    pruner.start();
    await until(() => walks === 1 && registry.doesExist('timeout', PRUNE_JOB));
    await pruner.stop();
    expect(steps).toBe(20);
  });

  test('says nothing of an archive that was interrupted by the shutdown', async () => {
    let begun = false;
    const store = {
      // oxlint-disable-next-line require-yield
      async *prune(_retention: number, _limit: number, stopping?: AbortSignal): AsyncGenerator<number> {
        begun = true;
        await new Promise((_resolve, reject) => {
          stopping?.addEventListener('abort', () => reject(new Error('it did not end in time')));
        });
      },
    };
    const pruner = createPruner(publishedEvents(store, UNHEARD), 60_000, undefined, logger);
    pruner.start();
    await until(() => begun);
    await pruner.stop();
    expect(logger.warnings).toEqual([]);
  });

  test('survives a database in trouble, says so, and is still scheduled', async () => {
    const registry = new SchedulerRegistry();
    const store = {
      prune: (): AsyncIterable<number> => {
        throw new Error('connection refused');
      },
    };
    const pruner = createPruner(publishedEvents(store, UNHEARD), 60_000, registry, logger);
    pruner.start();
    await until(() => logger.warnings.length > 0);
    expect(logger.warnings).toEqual([
      'Published events could not be pruned, tried again in 6000 ms: connection refused',
    ]);
    await until(() => registry.doesExist('timeout', PRUNE_JOB));
    await pruner.stop();
    expect(registry.getTimeouts()).toEqual([]);
  });
});
