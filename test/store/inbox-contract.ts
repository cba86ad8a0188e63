import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { InboxEntity } from 'nestjs-rabbitmq-outbox';
import type { DataSource, QueryRunner } from 'typeorm';
import type { InboxStore } from '../../lib/store/inbox-store.js';

/** A database with an inbox in it. */
export interface InboxFixture {
  /** Knows `InboxEntity`. */
  readonly dataSource: DataSource;
  /** Every statement that was sent. */
  readonly statements: string[];
  open(): InboxStore;
  clear(): Promise<void>;
  /** Ends the connection of a transaction, from the server's side. */
  kill(runner: QueryRunner): Promise<void>;
  /** Makes all that is remembered this many milliseconds older. */
  age(ms: number): Promise<void>;
  close(): Promise<void>;
}

const CONSUMER = 'orders.Invoicing.invoice';

/** What every `InboxStore` promises. Runs on each database's implementation. */
export function inboxContract(name: string, createFixture: () => Promise<InboxFixture>): void {
  describe(`the inbox contract on ${name}`, () => {
    let fixture: InboxFixture;
    let inbox: InboxStore;
    let open: QueryRunner[];

    beforeAll(async () => {
      fixture = await createFixture();
      inbox = fixture.open();
    });
    afterAll(() => fixture?.close());
    beforeEach(async () => {
      open = [];
      await fixture.clear();
    });
    afterEach(async () => {
      for (const runner of open) {
        if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
        await runner.release();
      }
    });

    async function begin(): Promise<QueryRunner> {
      const runner = fixture.dataSource.createQueryRunner();
      open.push(runner);
      await runner.startTransaction();
      return runner;
    }
    /** In a transaction that commits. */
    async function enter(ids: readonly string[], consumer = CONSUMER) {
      const runner = await begin();
      const standings = await inbox.enter(runner, consumer, ids);
      await runner.commitTransaction();
      return standings;
    }
    const remembered = async () =>
      (await fixture.dataSource.getRepository(InboxEntity).find())
        .map(({ eventId }) => eventId)
        .sort((a, b) => a.localeCompare(b));

    describe('enter', () => {
      test('remembers an event if the transaction commits, and knows it then', async () => {
        expect(await enter(['a'])).toEqual(['new']);
        expect(await enter(['a'])).toEqual(['handled']);
        expect(await remembered()).toEqual(['a']);
      });

      test('remembers nothing if the transaction is rolled back', async () => {
        const runner = await begin();
        expect(await inbox.enter(runner, CONSUMER, ['a'])).toEqual(['new']);
        await runner.rollbackTransaction();
        expect(await enter(['a'])).toEqual(['new']);
      });

      test('does so for each consumer by itself', async () => {
        expect(await enter(['a'], 'one')).toEqual(['new']);
        expect(await enter(['a'], 'other')).toEqual(['new']);
      });

      test.each<[string, readonly string[]]>([
        ['one event', ['a']],
        ['several', ['a', 'b']],
      ])('of %s that another transaction is handling does not wait: it is busy', async (_what, ids) => {
        const first = await begin();
        await inbox.enter(first, CONSUMER, ['a']);
        const second = await begin();
        expect((await inbox.enter(second, CONSUMER, ids))[0]).toBe('busy');
        await second.rollbackTransaction();
        await first.rollbackTransaction();
        expect((await enter(ids))[0]).toBe('new');
      });

      test('knows an event as soon as the transaction that was handling it has committed', async () => {
        const first = await begin();
        await inbox.enter(first, CONSUMER, ['a']);
        const second = await begin();
        expect(await inbox.enter(second, CONSUMER, ['a'])).toEqual(['busy']);
        await first.commitTransaction();
        expect(await inbox.enter(second, CONSUMER, ['a'])).toEqual(['handled']);
      });

      test('tells of several how each stands, one that is asked for twice being new once', async () => {
        await enter(['old']);
        const other = await begin();
        await inbox.enter(other, CONSUMER, ['busy']);
        expect(await enter(['fresh', 'old', 'busy', 'fresh', 'young'])).toEqual([
          'new',
          'handled',
          'busy',
          'handled',
          'new',
        ]);
        expect(await remembered()).toEqual(['fresh', 'old', 'young']);
      });

      test('of none does nothing', async () => {
        expect(await enter([])).toEqual([]);
      });

      test('takes any text for an id', async () => {
        const ids = ['a b', '"\'\\', 'ünïcode 🙂', 'x'.repeat(255)];
        expect(await enter(ids)).toEqual(['new', 'new', 'new', 'new']);
        expect(await enter(ids)).toEqual(['handled', 'handled', 'handled', 'handled']);
      });

      test('of many at once, by several transactions in different orders, makes each new for one of them', async () => {
        const ids = Array.from({ length: 200 }, (_, index) => `event-${index}`);
        const orders = [ids, ids.toReversed(), [...ids.slice(100), ...ids.slice(0, 100)]];
        const runs = await Promise.all(
          orders.map(async (order) => {
            const standings = await enter(order);
            return order.filter((_, index) => standings[index] === 'new');
          }),
        );
        const fresh = runs.flat();
        expect(new Set(fresh).size).toBe(fresh.length);
        expect(await remembered()).toHaveLength(fresh.length);
      });

      test('costs one statement for a new event', async () => {
        const runner = await begin();
        fixture.statements.length = 0;
        await inbox.enter(runner, CONSUMER, ['a']);
        expect(fixture.statements).toHaveLength(1);
      });

      test('costs one statement for any number of new events', async () => {
        const runner = await begin();
        fixture.statements.length = 0;
        await inbox.enter(runner, CONSUMER, ['a', 'b', 'c']);
        expect(fixture.statements).toHaveLength(1);
      });
    });

    describe('leave', () => {
      test('forgets events that the transaction has entered', async () => {
        const runner = await begin();
        await inbox.enter(runner, CONSUMER, ['a', 'b', 'c']);
        await inbox.leave(runner, CONSUMER, ['b']);
        await runner.commitTransaction();
        expect(await remembered()).toEqual(['a', 'c']);
        expect(await enter(['a', 'b', 'c'])).toEqual(['handled', 'new', 'handled']);
      });
    });

    describe('isSpoilt', () => {
      const fail = (runner: QueryRunner) =>
        runner.query('SELECT no_such_column').then(
          () => Promise.reject(new Error('it did not fail')),
          () => undefined,
        );

      test('tells of a transaction in which a statement failed', async () => {
        const runner = await begin();
        expect(await inbox.isSpoilt(runner)).toBe(false);
        await fail(runner);
        expect(await inbox.isSpoilt(runner)).toBe(true);
      });

      test('tells so with a driver that keeps it to itself, too', async () => {
        const runner = await begin();
        const client = (await runner.connect()) as object;
        Object.defineProperty(client, 'getTransactionStatus', { value: undefined, configurable: true });
        try {
          expect(await inbox.isSpoilt(runner)).toBe(false);
          await fail(runner);
          expect(await inbox.isSpoilt(runner)).toBe(true);
        } finally {
          Reflect.deleteProperty(client, 'getTransactionStatus');
        }
      });

      test('does not mind what failed in a savepoint that was rolled back', async () => {
        const runner = await begin();
        await runner.startTransaction();
        await fail(runner);
        await runner.rollbackTransaction();
        expect(await inbox.isSpoilt(runner)).toBe(false);
      });
    });

    describe('isLost', () => {
      test('tells of a transaction whose connection has gone, and of no other', async () => {
        const runner = await begin();
        expect(await inbox.isLost(runner)).toBe(false);
        await runner.query('SELECT no_such_column').catch(() => undefined);
        expect(await inbox.isLost(runner)).toBe(false);
        const doomed = await begin();
        await fixture.kill(doomed);
        expect(await inbox.isLost(doomed)).toBe(true);
      });
    });

    describe('prune', () => {
      const pruneAll = async (retention: number, limit: number) => {
        const counts: number[] = [];
        for await (const count of inbox.prune(retention, limit)) counts.push(count);
        return counts;
      };

      test('forgets what was handled longer ago, and nothing else', async () => {
        await enter(['old.1', 'old.2']);
        await fixture.age(10_000);
        await enter(['young']);
        expect(await pruneAll(5_000, 100)).toEqual([2]);
        expect(await remembered()).toEqual(['young']);
      });

      test('takes no more than the limit in one step, however much there is', async () => {
        await enter(Array.from({ length: 25 }, (_, index) => `event-${index}`));
        await fixture.age(10_000);
        expect(await pruneAll(5_000, 10)).toEqual([10, 10, 5]);
      });

      test('does not wait for another that is at the same rows', async () => {
        await enter(Array.from({ length: 200 }, (_, index) => `event-${index}`));
        await fixture.age(10_000);
        const counts = await Promise.all([pruneAll(5_000, 20), pruneAll(5_000, 20)]);
        const sum = counts.flat().reduce((total, count) => total + count, 0);
        expect(sum).toBeLessThanOrEqual(200);
        await pruneAll(5_000, 20);
        expect(await remembered()).toEqual([]);
      });

      test('of an empty inbox forgets nothing', async () => {
        expect(await pruneAll(0, 10)).toEqual([0]);
      });
    });

    test('answers a probe', async () => {
      await expect(inbox.probe()).resolves.toBeUndefined();
    });
  });
}
