import {
  Injectable,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  Abort,
  EventContext,
  OnEvent,
  OutboxConsumers,
  OutboxService,
  Reject,
  Retry,
} from 'nestjs-rabbitmq-outbox';
import { from, mergeMap, type Observable } from 'rxjs';
import { recordLifecycle } from '../lifecycle/recorder.js';
import { eventually, type TestAppSettings } from '../support/outbox-app.js';
import { SqlLog } from '../support/sql-log.js';
import { openLedger, type Ledger } from './ledger.js';
import { gate, openStage, type Stage } from './stage.js';

let ledger: Ledger;

class Bookkeeping implements NestInterceptor {
  intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
    const context = execution.switchToRpc().getContext<EventContext>();
    return from(ledger.write(context, 'before')).pipe(mergeMap(() => next.handle()));
  }
}

@Injectable()
class Worker {
  readonly seen: EventContext[] = [];
  act: (context: EventContext) => unknown = (context) => ledger.write(context);

  constructor(readonly outbox: OutboxService) {}

  @OnEvent('job.#', { inbox: true, prefetch: 10, retry: ['100ms', '1h'] })
  async work(_payload: unknown, context: EventContext): Promise<void> {
    this.seen.push(context);
    await this.act(context);
  }

  @OnEvent('booked', { inbox: true, retry: false })
  @UseInterceptors(Bookkeeping)
  async booked(_payload: unknown, context: EventContext): Promise<void> {
    this.seen.push(context);
    await this.act(context);
  }

  of(id: string): EventContext[] {
    return this.seen.filter((context) => context.id === id);
  }
}

describe('a handler with an inbox', () => {
  let stage: Stage;

  beforeEach(async () => {
    stage = await openStage();
    ledger = await openLedger(stage.playground);
  });

  afterEach(() => stage.close());

  async function start(settings: TestAppSettings = {}) {
    const app = await stage.start({ providers: [Worker], ...settings });
    return { ...app, worker: app.app.get(Worker), told: recordLifecycle(app) };
  }

  const queue = () => stage.queue('Worker.work');

  describe('commits', () => {
    test('its writes, the memory of the event and what it emits, together and before the ack', async () => {
      const { worker } = await start();
      const { opened, open } = gate();
      worker.act = async (context) => {
        await ledger.write(context);
        await worker.outbox.emit('job.done', {}, { key: context.id });
        await opened;
      };
      const id = await stage.publish('job.one');
      await eventually(() => worker.of(id).length === 1);
      expect([await ledger.of(id), await ledger.remembered(), await ledger.emitted()]).toEqual([[], [], []]);
      open();
      await eventually(async () => (await ledger.remembered()).length === 1);
      expect(await ledger.remembered()).toEqual([id]);
      expect(await ledger.of(id)).toEqual(['done']);
      expect(await ledger.emitted()).toEqual(['job.done']);
      const [row] = await stage.playground.sql<{ headers: string; consumer: string }>(
        `SELECT headers, consumer FROM ${stage.playground.name}.outbox, ${stage.playground.name}.outbox_inbox`,
      );
      expect(row?.consumer).toBe(queue());
      expect(JSON.parse(row?.headers ?? '{}')).toMatchObject({ 'outbox-causation-id': id });
    });

    test('what outbox.transaction() within it does, which joins its transaction', async () => {
      const { worker } = await start();
      worker.act = (context) =>
        worker.outbox.transaction(async (manager) => {
          expect(manager).toBe(context.manager);
          await ledger.write(context, 'joined', manager);
        });
      const id = await stage.publish('job.one');
      await eventually(async () => (await ledger.of(id)).length === 1);
    });

    test('what its interceptors write', async () => {
      const { worker } = await start();
      const id = await stage.publish('booked');
      await eventually(async () => (await ledger.of(id)).length === 2);
      expect(await ledger.of(id)).toEqual(['before', 'done']);
      worker.act = () => {
        throw new Error('no');
      };
      const failed = await stage.publish('booked');
      await stage.deadLetter(stage.queue('Worker.booked'));
      expect(await ledger.of(failed)).toEqual([]);
    });

    test('with a transaction begun and ended, and one statement of ours, for each event', async () => {
      const log = new SqlLog();
      const { worker, told } = await start({ dataSource: { logger: log } });
      worker.act = () => undefined;
      const statements = await log.during(async () => {
        await stage.publish('job.one');
        await told.first('handled');
      });
      // And now and then the process says that it lives.
      expect(statements.filter((statement) => !statement.includes('outbox_consumers'))).toEqual([
        'START TRANSACTION',
        expect.stringMatching(/^INSERT INTO .*outbox_inbox/),
        'COMMIT',
      ]);
    });
  });

  describe('commits nothing', () => {
    test.each<[string, () => Error, string]>([
      ['fails', () => new Error('no'), 'retried'],
      ['asks for a retry', () => new Retry('later', { delay: '1h' }), 'retried'],
      ['rejects the event', () => new Reject('never'), 'dead-lettered'],
      ['drops the event', () => new Abort('whatever'), 'aborted'],
    ])('when it %s', async (_what, error, fate) => {
      const { worker, told } = await start();
      worker.act = async (context) => {
        await ledger.write(context);
        await worker.outbox.emit('job.done', {});
        throw error();
      };
      const id = await stage.publish('job.one');
      await eventually(() => told.names().includes(fate as never));
      expect([await ledger.of(id), await ledger.remembered(), await ledger.emitted()]).toEqual([[], [], []]);
    });

    test('at the attempt that fails, and all of it at the one that does not', async () => {
      const { worker } = await start();
      worker.act = async (context) => {
        await ledger.write(context, `attempt ${context.attempt}`);
        if (context.attempt === 1) throw new Error('once');
      };
      const id = await stage.publish('job.one');
      await eventually(async () => (await ledger.of(id)).length > 0);
      expect(await ledger.of(id)).toEqual(['attempt 2']);
    });
  });

  describe('is not run', () => {
    test('for an event that it has handled: the duplicate is acked', async () => {
      const { worker, told } = await start();
      const id = await stage.publish('job.one');
      await told.first('handled');
      await stage.publish('job.one', {}, { messageId: id });
      const duplicate = await told.first('duplicate');
      expect(duplicate).toMatchObject({ id, queue: queue(), handler: 'Worker.work' });
      expect(worker.of(id)).toHaveLength(1);
      expect(await ledger.of(id)).toEqual(['done']);
      expect((await stage.look(queue())).messageCount).toBe(0);
    });

    test('by another replica for an event that one is handling; when that has committed, it is a duplicate', async () => {
      const { id, end, other } = await inTheHandsOfTwo();
      // The other looks now and then, and holds no connection in between.
      await eventually(async () => (await transactions()) === 1);
      end();
      await other.told.first('duplicate');
      expect(await ledger.of(id)).toEqual(['done']);
      expect(other.worker.of(id)).toEqual([]);
    });

    test('by another replica until the one has failed', async () => {
      const { id, end, other } = await inTheHandsOfTwo();
      end(new Error('no'));
      await eventually(async () => (await ledger.of(id)).length === 1);
      expect(other.worker.of(id)).toHaveLength(1);
    });

    test('twice at once in one process', async () => {
      const { worker, told } = await start();
      const { opened, open } = gate();
      worker.act = (context) => opened.then(() => ledger.write(context));
      const id = await stage.publish('job.one');
      for (let copy = 0; copy < 4; copy++) await stage.publish('job.one', {}, { messageId: id });
      await eventually(() => told.named('received').length === 5);
      // The one that runs has written its row; had another begun beside it, it would wait for that row.
      await eventually(() => worker.of(id).length === 1);
      expect(await transactions()).toBe(1);
      open();
      await eventually(() => told.named('duplicate').length === 4);
      expect(worker.of(id)).toHaveLength(1);
      expect(await ledger.of(id)).toEqual(['done']);
    });

    /** One app is handling an event, and another has been handed it, too. */
    async function inTheHandsOfTwo() {
      const one = await start();
      let end: (error?: Error) => void = () => undefined;
      const ending = new Promise<Error | undefined>((resolve) => (end = resolve));
      one.worker.act = async (context) => {
        await ledger.write(context);
        const error = await ending;
        if (error) throw error;
      };
      const id = await stage.publish('job.one');
      await eventually(() => one.worker.of(id).length === 1);
      const consumers = one.app.get(OutboxConsumers);
      void consumers.pause();
      await eventually(() => consumers.states.every(({ consuming }) => !consuming));
      const other = await start();
      await stage.publish('job.one', {}, { messageId: id });
      await other.told.first('received');
      return { id, end, other };
    }
  });

  /** How many transactions are open on our tables. */
  async function transactions(): Promise<number> {
    const [row] = await stage.playground.sql<{ count: number }>(
      `SELECT count(DISTINCT pid)::int AS count FROM pg_locks WHERE relation = $1::regclass AND mode = 'RowExclusiveLock'`,
      [`${stage.playground.name}.outbox_inbox`],
    );
    return row?.count ?? 0;
  }

  describe('forgets', () => {
    test('what was handled longer ago than inboxRetention, by a job that the scheduler knows', async () => {
      const { playground } = stage;
      const { name } = playground;
      const first = await start();
      await first.close();
      await playground.sql(
        `INSERT INTO ${name}.outbox_inbox VALUES ('q', 'old', now() - interval '3 hours'), ('q', 'young', now())`,
      );
      const { app } = await start({
        options: { inboxRetention: '2h' },
        imports: [ScheduleModule.forRoot()],
      });
      await eventually(async () => !(await ledger.remembered()).includes('old'));
      expect(await ledger.remembered()).toEqual(['young']);
      await eventually(() => app.get(SchedulerRegistry).getTimeouts().includes('outbox.prune-inbox'));
    });
  });
});
