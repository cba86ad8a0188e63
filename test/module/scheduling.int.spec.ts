import { Injectable } from '@nestjs/common';
import { Cron, CronExpression, Interval, ScheduleModule, SchedulerRegistry, Timeout } from '@nestjs/schedule';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createPlayground, eventually, startApp, type Playground } from '../support/outbox-app.js';

@Injectable()
class Chores {
  readonly crons: number[] = [];
  readonly intervals: number[] = [];
  timeouts = 0;

  @Cron(CronExpression.EVERY_SECOND)
  cron(): void {
    this.crons.push(Date.now());
  }

  @Interval(250)
  interval(): void {
    this.intervals.push(Date.now());
  }

  @Timeout(50)
  timeout(): void {
    this.timeouts++;
  }
}

/** A job that is there twice runs twice at a time. */
const expectApart = (runs: readonly number[], least: number) =>
  expect(runs.slice(1).every((at, index) => at - (runs[index] ?? 0) >= least)).toBe(true);

describe('beside ScheduleModule', () => {
  let playground: Playground;

  beforeAll(async () => {
    playground = await createPlayground();
  });
  afterAll(() => playground?.close());

  test('an application’s own jobs run once, not twice', async () => {
    const { app, close } = await startApp(playground, {
      imports: [ScheduleModule.forRoot()],
      providers: [Chores],
    });
    try {
      const chores = app.get(Chores);
      await eventually(() => chores.crons.length >= 2 && chores.intervals.length >= 3);
      expectApart(chores.crons, 500);
      expectApart(chores.intervals, 100);
      expect(chores.timeouts).toBe(1);
    } finally {
      await close();
    }
  });

  test.each(['before', 'after'])(
    'poll and prune are seen in its SchedulerRegistry, imported %s',
    async (order) => {
      const { app, close, emit } = await startApp(playground, {
        ...(order === 'after' && { imports: [ScheduleModule.forRoot()] }),
        ...(order === 'before' && { importsBefore: [ScheduleModule.forRoot()] }),
      });
      const registry = app.get(SchedulerRegistry);
      await eventually(() => registry.doesExist('timeout', 'outbox.poll'));
      await eventually(() => registry.doesExist('timeout', 'outbox.prune'));
      await emit('order.placed');
      await eventually(async () => {
        const [row] = await playground.sql(
          `SELECT count(*) FROM ${playground.name}.outbox WHERE state = 'pending'`,
        );
        return row?.['count'] === '0';
      });
      await eventually(() => registry.doesExist('timeout', 'outbox.poll'));
      await close();
      expect(registry.getTimeouts()).toEqual([]);
    },
  );

  test('an application may delete the jobs from the registry; wake-ups still work', async () => {
    const { app, close, emit } = await startApp(playground, {
      imports: [ScheduleModule.forRoot()],
      options: { relay: { pollInterval: '1h' } },
    });
    try {
      const registry = app.get(SchedulerRegistry);
      for (const job of ['outbox.poll', 'outbox.prune']) {
        await eventually(() => registry.doesExist('timeout', job));
        registry.deleteTimeout(job);
      }
      const id = await emit('order.placed');
      await eventually(async () => {
        const [row] = await playground.sql(`SELECT state FROM ${playground.name}.outbox WHERE id = $1`, [id]);
        return row?.['state'] === 'published';
      });
      expect(await eventually(() => registry.doesExist('timeout', 'outbox.poll'))).toBe(true);
    } finally {
      await close();
    }
  });

  test('an application without it is served all the same', async () => {
    const { app, close, emit } = await startApp(playground);
    try {
      expect(() => app.get(SchedulerRegistry)).toThrow('could not find SchedulerRegistry');
      await emit('order.placed');
      await eventually(async () => {
        const [row] = await playground.sql(
          `SELECT count(*) FROM ${playground.name}.outbox WHERE state = 'pending'`,
        );
        return row?.['count'] === '0';
      });
    } finally {
      await close();
    }
  });

  test('a process that only writes has no jobs', async () => {
    const { app, close } = await startApp(playground, {
      imports: [ScheduleModule.forRoot()],
      options: { relay: { enabled: false } },
    });
    try {
      expect(app.get(SchedulerRegistry).getTimeouts()).toEqual([]);
    } finally {
      await close();
    }
  });
});
