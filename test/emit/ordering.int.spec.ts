import { afterEach, describe, expect, test } from '@jest/globals';
import type { QueryRunner } from 'typeorm';
import { eventually, startApp, type TestApp } from '../support/outbox-app.js';
import { SqlLog } from '../support/sql-log.js';
import { useWritingApp, type WritingApp } from './writing-app.js';

/** A transaction that stays open until it is told to end. */
interface Open {
  readonly runner: QueryRunner;
  emit(type: string, key?: string): Promise<string>;
  /** Resolves once the server shows it waiting for a lock. */
  waiting(): Promise<unknown>;
  advisoryLocks(): Promise<number>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

function useTransactions(writing: WritingApp) {
  let opened: QueryRunner[] = [];

  afterEach(async () => {
    for (const runner of opened) {
      if (runner.isTransactionActive) await runner.rollbackTransaction();
      await runner.release();
    }
    opened = [];
  });

  return async function begin({ dataSource, outbox }: TestApp = writing.app()): Promise<Open> {
    const runner = dataSource.createQueryRunner();
    opened.push(runner);
    await runner.startTransaction();
    const [{ pid }] = (await runner.query('SELECT pg_backend_pid() AS pid')) as [{ pid: number }];
    const locks = (granted: boolean) =>
      writing
        .playground()
        .sql("SELECT 1 FROM pg_locks WHERE pid = $1 AND locktype = 'advisory' AND granted = $2", [
          pid,
          granted,
        ]);
    return {
      runner,
      emit: (type, key) => outbox.emit(runner, type, {}, { key }),
      waiting: () => eventually(async () => (await locks(false)).length > 0),
      advisoryLocks: async () => (await locks(true)).length,
      commit: () => runner.commitTransaction(),
      rollback: () => runner.rollbackTransaction(),
    };
  };
}

/** Tells whether a promise has been settled, without waiting for it. */
function watched<T>(promise: Promise<T>): { promise: Promise<T>; settled: () => boolean } {
  let settled = false;
  const watching = promise.finally(() => {
    settled = true;
  });
  return { promise: watching, settled: () => settled };
}

describe("emit.ordering 'commit'", () => {
  const log = new SqlLog();
  const writing = useWritingApp({ options: { emit: { ordering: 'commit' } }, dataSource: { logger: log } });
  const begin = useTransactions(writing);
  const { types, inTransaction, outbox } = writing;

  test('numbers the events of a key as their transactions commit: the later one waits for the earlier', async () => {
    const [first, second] = [await begin(), await begin()];
    await first.emit('first', 'k');
    const emit = watched(second.emit('second', 'k'));
    await second.waiting();
    await first.emit('first.again', 'k');
    expect(emit.settled()).toBe(false);
    await first.commit();
    await emit.promise;
    await second.commit();
    expect(await types()).toEqual(['first', 'first.again', 'second']);
  });

  test('lets the waiting one go on when the earlier one rolls back', async () => {
    const [first, second] = [await begin(), await begin()];
    await first.emit('first', 'k');
    const emit = watched(second.emit('second', 'k'));
    await second.waiting();
    expect(emit.settled()).toBe(false);
    await first.rollback();
    await emit.promise;
    await second.commit();
    expect(await types()).toEqual(['second']);
  });

  test('a savepoint that is rolled back lets go of its keys', async () => {
    const [first, second] = [await begin(), await begin()];
    await first.emit('outer', 'other');
    await first.runner.startTransaction();
    await first.emit('inner', 'k');
    const emit = watched(second.emit('second', 'k'));
    await second.waiting();
    expect(emit.settled()).toBe(false);
    await first.rollback();
    await emit.promise;
    await second.commit();
    await first.commit();
    expect(await types()).toEqual(['outer', 'second']);
  });

  test('numbers nothing before it has every lock: a seq that waits would be the lower one', async () => {
    const [first, second] = [await begin(), await begin()];
    await first.emit('first', 'b');
    const many = watched(
      outbox().emitMany(second.runner, [
        { type: 'second.a', payload: {}, key: 'a' },
        { type: 'second.none', payload: {} },
        { type: 'second.b', payload: {}, key: 'b' },
      ]),
    );
    await second.waiting();
    await first.emit('first.again', 'c');
    expect(many.settled()).toBe(false);
    await first.commit();
    await many.promise;
    await second.commit();
    expect(await types()).toEqual(['first', 'first.again', 'second.a', 'second.none', 'second.b']);
  });

  test('events of other keys, and those without, wait for nobody', async () => {
    const [first, second] = [await begin(), await begin()];
    await first.emit('keyed', 'k');
    await first.emit('keyless');
    await second.emit('other.key', 'j');
    await second.emit('keyless');
    expect(await second.advisoryLocks()).toBe(1);
    await second.commit();
    await first.commit();
    expect(await types()).toEqual(['keyed', 'keyless', 'other.key', 'keyless']);
  });

  test('needs one statement for each emit, and none at the commit', async () => {
    const insert = expect.stringMatching(/^INSERT INTO /);
    const sent = await log.during(() =>
      inTransaction(async (manager) => {
        await outbox().emit(manager, 'a', {}, { key: 'k' });
        await outbox().emit(manager, 'b', {});
        await outbox().emitMany(manager, [
          { type: 'c', payload: {}, key: 'k' },
          { type: 'd', payload: {}, key: 'j' },
        ]);
      }),
    );
    expect(sent).toEqual(['START TRANSACTION', insert, insert, insert, 'COMMIT']);
    expect(await types()).toEqual(['a', 'b', 'c', 'd']);
  });

  test('two transactions that emit for the same keys in opposite order deadlock: one gets 40P01, the other commits', async () => {
    const [first, second] = [await begin(), await begin()];
    await first.emit('first.a', 'a');
    await second.emit('second.b', 'b');
    const emits = [first.emit('first.b', 'b'), second.emit('second.a', 'a')];
    const outcomes = await Promise.allSettled(emits);
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(refused).toEqual([
      expect.objectContaining({ driverError: expect.objectContaining({ code: '40P01' }) }),
    ]);
    const [winner, loser] = outcomes[0]?.status === 'fulfilled' ? [first, second] : [second, first];
    await winner.commit();
    await loser.rollback();
    expect(await types()).toEqual(winner === first ? ['first.a', 'first.b'] : ['second.b', 'second.a']);
  });

  test('emitMany locks its keys in one order: transactions that share them never deadlock', async () => {
    const keys = Array.from({ length: 40 }, (_, index) => `order-${index}`);
    const shuffle = shuffler(7);
    const batch = (worker: number, round: number) =>
      shuffle(keys).map((key) => ({ type: `w${worker}.r${round}`, payload: {}, key }));
    await Promise.all(
      Array.from({ length: 8 }, async (_, worker) => {
        for (let round = 0; round < 15; round++) {
          await inTransaction((manager) => outbox().emitMany(manager, batch(worker, round)));
        }
      }),
    );
    const perKey = await writing
      .playground()
      .sql(
        `SELECT key, string_agg(type, ',' ORDER BY seq) AS types FROM ${writing.playground().name}.outbox GROUP BY key`,
      );
    // Whoever has one key first has them all: the transactions are in the same order for every key.
    expect(perKey.length).toBe(keys.length);
    expect(new Set(perKey.map(({ types: order }) => order)).size).toBe(1);
  });

  test('locks the same keys however a process names the table', async () => {
    const unqualified = await startApp(writing.playground(), {
      options: {
        emit: { ordering: 'commit' },
        relay: { enabled: false },
        consumers: { enabled: false },
        storage: { schema: undefined },
      },
      dataSource: { schema: undefined, extra: { options: `-c search_path=${writing.playground().name}` } },
    });
    try {
      const [first, second] = [await begin(), await begin(unqualified)];
      await first.emit('first', 'k');
      const emit = watched(second.emit('second', 'k'));
      await second.waiting();
      expect(emit.settled()).toBe(false);
      await first.commit();
      await emit.promise;
      await second.commit();
      await second.runner.release();
      expect(await types()).toEqual(['first', 'second']);
    } finally {
      await unqualified.app.close();
    }
  });

  test('the same key of another outbox is another key', async () => {
    const other = await startApp(writing.playground(), {
      options: {
        emit: { ordering: 'commit' },
        relay: { enabled: false },
        consumers: { enabled: false },
        storage: { table: 'others', inboxTable: 'others_inbox' },
      },
    });
    try {
      const [first, second] = [await begin(), await begin(other)];
      await first.emit('first', 'k');
      await second.emit('second', 'k');
      await second.commit();
      await second.runner.release();
      await first.commit();
      expect(await types()).toEqual(['first']);
    } finally {
      await other.app.close();
    }
  });
});

describe("emit.ordering 'emit'", () => {
  const writing = useWritingApp();
  const begin = useTransactions(writing);
  const { types, outbox } = writing;

  test('is the default, takes no lock and waits for nobody: events are numbered as they are emitted', async () => {
    const [first, second] = [await begin(), await begin()];
    await first.emit('first', 'k');
    await second.emit('second', 'k');
    await outbox().emitMany(first.runner, keyed('first.many'));
    await outbox().emitMany(second.runner, keyed('second.many'));
    expect([await first.advisoryLocks(), await second.advisoryLocks()]).toEqual([0, 0]);
    await second.commit();
    await first.commit();
    expect(await types()).toEqual([
      'first',
      'second',
      'first.many',
      'first.many',
      'second.many',
      'second.many',
    ]);
  });
});

const keyed = (type: string) => ['k', 'j'].map((key) => ({ type, payload: {}, key }));

/** Fisher and Yates, with numbers that are the same in every run. */
function shuffler(seed: number) {
  let state = seed;
  const below = (limit: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * limit);
  };
  return <T>(items: readonly T[]): T[] => {
    const shuffled = [...items];
    for (let last = shuffled.length - 1; last > 0; last--) {
      const other = below(last + 1);
      [shuffled[last], shuffled[other]] = [shuffled[other] as T, shuffled[last] as T];
    }
    return shuffled;
  };
}
