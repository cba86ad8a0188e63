import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EventContext, OnEvent } from 'nestjs-rabbitmq-outbox';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { startProxy, type Proxy } from '../broker/rabbitmq/proxy.js';
import { recordLifecycle } from '../lifecycle/recorder.js';
import { eventually, type TestAppSettings } from '../support/outbox-app.js';
import { openLedger, type Ledger } from './ledger.js';
import { gate, openStage, type Stage } from './stage.js';

let ledger: Ledger;

@Injectable()
class Worker {
  readonly seen: EventContext[] = [];
  act: (context: EventContext) => unknown = (context) => ledger.write(context);

  @OnEvent('job.#', { inbox: true, prefetch: 50, retry: ['100ms'] })
  async work(_payload: unknown, context: EventContext): Promise<void> {
    this.seen.push(context);
    await this.act(context);
  }

  @OnEvent('once', { inbox: true, retry: false })
  async once(_payload: unknown, context: EventContext): Promise<void> {
    this.seen.push(context);
    await this.act(context);
  }

  @OnEvent('brief', { inbox: true, timeout: '200ms', retry: ['100ms'] })
  async brief(_payload: unknown, context: EventContext): Promise<void> {
    this.seen.push(context);
    await this.act(context);
  }

  @OnEvent('count', { inbox: { isolation: 'SERIALIZABLE' }, prefetch: 10, retry: false })
  async count(_payload: unknown, context: EventContext): Promise<void> {
    this.seen.push(context);
    await this.act(context);
  }

  of(id: string): EventContext[] {
    return this.seen.filter((context) => context.id === id);
  }
}

/** Fails with an SQLSTATE, as the database would. */
const failWith = (state: string, { manager }: EventContext) =>
  manager.query(`DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '${state}'; END $$`);

describe('a handler with an inbox', () => {
  let stage: Stage;
  let proxy: Proxy;

  beforeEach(async () => {
    stage = await openStage();
    ledger = await openLedger(stage.playground);
    proxy = await startProxy(stage.playground.databaseUrl);
  });

  afterEach(async () => {
    await stage.close();
    await proxy.close();
  });

  async function start(settings: TestAppSettings = {}) {
    const app = await stage.start({ providers: [Worker], ...settings });
    return { ...app, worker: app.app.get(Worker), told: recordLifecycle(app) };
  }

  const startBehindProxy = (settings: TestAppSettings = {}) =>
    start({ ...settings, dataSource: { url: proxy.url, ...settings.dataSource } });

  const error = async (queue: string) =>
    (await stage.deadLetter(stage.queue(queue))).properties.headers?.['outbox-error-type'] as string;

  describe('whose transaction has failed', () => {
    test('has failed, too, although it returns: it caught the error, and nothing of it can be committed', async () => {
      const { worker } = await start();
      worker.act = async (context) => {
        await ledger.write(context);
        await failWith('23505', context).catch(() => undefined);
      };
      const id = await stage.publish('once');
      expect(await error('Worker.once')).toBe('TransactionSpoiltError');
      expect([await ledger.of(id), await ledger.remembered()]).toEqual([[], []]);
    });

    test('in a savepoint only goes on and commits', async () => {
      const { worker } = await start();
      worker.act = async (context) => {
        await ledger.write(context);
        await context.manager
          .transaction((manager) => manager.query('SELECT nothing'))
          .catch(() => undefined);
      };
      const id = await stage.publish('once');
      await eventually(async () => (await ledger.of(id)).length === 1);
      expect(worker.of(id)).toHaveLength(1);
    });

    test('as it commits is tried again: a constraint that is looked at last', async () => {
      const { playground } = stage;
      const { name } = playground;
      await playground.sql(
        `ALTER TABLE ${name}.ledger ADD CONSTRAINT only_one UNIQUE (event_id) DEFERRABLE INITIALLY DEFERRED`,
      );
      const { worker } = await start();
      worker.act = async (context) => {
        await ledger.write(context, `attempt ${context.attempt}`);
        if (context.attempt === 1) await ledger.write(context);
      };
      const id = await stage.publish('job.one');
      await eventually(async () => (await ledger.of(id)).length === 1);
      expect(await ledger.of(id)).toEqual(['attempt 2']);
      expect(worker.of(id).map(({ attempt }) => attempt)).toEqual([1, 2]);
    });
  });

  describe('that loses against another transaction', () => {
    test.each([
      ['a serialization failure', '40001'],
      ['a deadlock', '40P01'],
    ])('by %s is run again at once, and spends no attempt', async (_what, state) => {
      const { worker } = await start();
      worker.act = async (context) => {
        await ledger.write(context);
        if (worker.of(context.id).length < 4) await failWith(state, context);
      };
      const id = await stage.publish('once');
      await eventually(async () => (await ledger.of(id)).length > 0);
      expect(worker.of(id).map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1]);
      expect(await ledger.of(id)).toEqual(['done']);
    });

    test('again and again has failed in the end', async () => {
      const { worker } = await start();
      worker.act = (context) => failWith('40001', context);
      const id = await stage.publish('once');
      expect(await error('Worker.once')).toBe('QueryFailedError');
      expect(worker.of(id)).toHaveLength(4);
    });

    test('is known by what caused its error', async () => {
      const { worker } = await start();
      worker.act = async (context) => {
        if (worker.of(context.id).length === 1) {
          await failWith('40001', context).catch((cause: unknown) => {
            throw new Error('could not book', { cause });
          });
        }
        await ledger.write(context);
      };
      const id = await stage.publish('once');
      await eventually(async () => (await ledger.of(id)).length === 1);
      expect(worker.of(id).map(({ attempt }) => attempt)).toEqual([1, 1]);
    });

    test('does so until all have won: serializable counters lose no count', async () => {
      const { playground } = stage;
      const { name } = playground;
      await playground.sql(`CREATE TABLE ${name}.counter AS SELECT 0 AS n`);
      const { worker } = await start();
      worker.act = async ({ manager }) => {
        const [row] = await manager.query<Array<{ n: number }>>(`SELECT n FROM ${name}.counter`);
        await manager.query(`UPDATE ${name}.counter SET n = $1`, [(row?.n ?? 0) + 1]);
      };
      const ids = await Promise.all(Array.from({ length: 5 }, () => stage.publish('count')));
      await eventually(async () => (await ledger.remembered()).length === ids.length);
      const [row] = await playground.sql<{ n: number }>(`SELECT n FROM ${name}.counter`);
      expect(row?.n).toBe(ids.length);
    });
  });

  describe('whose connection goes', () => {
    test('while it runs is run again at once, and its effects are there once', async () => {
      const { worker } = await start();
      worker.act = async (context) => {
        await ledger.write(context);
        if (worker.of(context.id).length === 1) await kill(context);
      };
      const id = await stage.publish('once');
      await eventually(async () => (await ledger.of(id)).length > 0);
      expect(worker.of(id).map(({ attempt }) => attempt)).toEqual([1, 1]);
      expect(await ledger.of(id)).toEqual(['done']);
    });

    test('every time it runs has failed in the end', async () => {
      const { worker } = await start();
      worker.act = (context) => kill(context);
      const id = await stage.publish('once');
      await stage.deadLetter(stage.queue('Worker.once'));
      expect(worker.of(id)).toHaveLength(4);
    });

    test('as it commits is not run again if the commit took place', async () => {
      let swallowing = false;
      let swallowed = 0;
      class Forgetful extends pg.Client {
        override query = ((...query: unknown[]) => {
          const result = (super.query as (...all: unknown[]) => unknown)(...query);
          if (query[0] !== 'COMMIT' || !swallowing || swallowed > 0) return result;
          swallowed++;
          return (result as Promise<unknown>).then(() => Promise.reject(new Error('the answer got lost')));
        }) as pg.Client['query'];
      }
      const { worker, told } = await start({ dataSource: { extra: { Client: Forgetful, max: 10 } } });
      swallowing = true;
      const id = await stage.publish('once');
      await told.first('duplicate');
      expect(swallowed).toBe(1);
      expect(worker.of(id)).toHaveLength(1);
      expect(await ledger.of(id)).toEqual(['done']);
    });

    /** Ends the connection of the handler's transaction, and waits until the handler knows. */
    async function kill({ manager }: EventContext): Promise<void> {
      const [row] = await manager.query<Array<{ pid: number }>>('SELECT pg_backend_pid() AS pid');
      await stage.playground.sql('SELECT pg_terminate_backend($1)', [row?.pid]);
      await manager.query('SELECT 1');
    }
  });

  describe('that runs past its timeout', () => {
    test('is rolled back, and cannot write any more', async () => {
      const { worker } = await start();
      const { opened, open } = gate();
      const late: unknown[] = [];
      worker.act = async (context) => {
        await ledger.write(context, `attempt ${context.attempt}`);
        if (context.attempt > 1) return;
        await opened;
        await ledger.write(context, 'late').catch((problem: unknown) => late.push(problem));
      };
      const id = await stage.publish('brief');
      await eventually(() => worker.of(id)[0]?.signal.aborted);
      open();
      await eventually(async () => (await ledger.of(id)).length > 0);
      expect(await ledger.of(id)).toEqual(['attempt 2']);
    });

    test('and returns in the end commits nothing: its retry does', async () => {
      const { worker } = await start();
      worker.act = async (context) => {
        await ledger.write(context, `attempt ${context.attempt}`);
        if (context.attempt > 1) return;
        await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
      };
      const id = await stage.publish('brief');
      await eventually(async () => (await ledger.of(id)).length > 0);
      expect(await ledger.of(id)).toEqual(['attempt 2']);
      expect(worker.of(id)).toHaveLength(2);
    });
  });

  describe('whose database is away', () => {
    test('waits for it, and spends no attempt', async () => {
      const { worker, told } = await startBehindProxy();
      await proxy.refuse();
      const ids = await Promise.all(Array.from({ length: 20 }, () => stage.publish('once')));
      await eventually(() => told.named('received').length === 20);
      await proxy.accept();
      await eventually(async () => (await ledger.remembered()).length === 20);
      expect(new Set(await ledger.remembered())).toEqual(new Set(ids));
      expect(worker.seen.every(({ attempt, redelivered }) => attempt === 1 && !redelivered)).toBe(true);
      expect(told.named('dead-lettered')).toEqual([]);
    });

    test('in the middle of it all does what it had begun again', async () => {
      const { worker } = await startBehindProxy();
      const { opened, open } = gate();
      worker.act = (context) => opened.then(() => ledger.write(context));
      const ids = await Promise.all(Array.from({ length: 20 }, () => stage.publish('once')));
      await eventually(() => worker.seen.length > 0);
      await proxy.refuse();
      open();
      await proxy.accept();
      await eventually(async () => (await ledger.remembered()).length === 20);
      for (const id of ids) expect(await ledger.of(id)).toEqual(['done']);
    });

    test('and whose process ends gives back what waits', async () => {
      const app = await startBehindProxy({ options: { shutdownTimeout: '20s' } });
      await proxy.refuse();
      await Promise.all(Array.from({ length: 20 }, () => stage.publish('once')));
      await eventually(() => app.told.named('received').length === 20);
      await app.close();
      expect((await stage.look(stage.queue('Worker.once'))).messageCount).toBe(20);
      expect(app.worker.seen).toEqual([]);
    });

    test('or refuses what only we ask of it, waits as well', async () => {
      const { playground } = stage;
      const { name } = playground;
      const { worker, told } = await start();
      await playground.sql(`ALTER TABLE ${name}.outbox_inbox RENAME TO elsewhere`);
      const id = await stage.publish('once');
      await told.first('received');
      await playground.sql(`ALTER TABLE ${name}.elsewhere RENAME TO outbox_inbox`);
      await eventually(async () => (await ledger.of(id)).length === 1);
      expect(worker.of(id).map(({ attempt }) => attempt)).toEqual([1]);
    });
  });

  describe('with a small pool', () => {
    test('leaves connections to what it does outside of its transaction', async () => {
      const { worker, app } = await start({ dataSource: { extra: { max: 4 } } });
      const { manager } = app.get(DataSource);
      worker.act = async (context) => {
        await manager.query('SELECT pg_sleep(0.01)');
        await ledger.write(context);
      };
      const ids = await Promise.all(Array.from({ length: 50 }, () => stage.publish('job.one')));
      await eventually(async () => (await ledger.remembered()).length === ids.length);
      expect(worker.seen).toHaveLength(ids.length);
    });
  });

  describe('whose message has an id', () => {
    test('that no text of the database can hold is a failure of that message alone', async () => {
      const { worker } = await start();
      worker.act = (context) => ledger.write(context);
      await stage.publish('once', {}, { messageId: 'a\0b' });
      const id = await stage.publish('once');
      await eventually(async () => (await ledger.of(id)).length === 1);
      expect(await error('Worker.once')).toBe('QueryFailedError');
    });
  });
});
