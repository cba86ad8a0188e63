import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { OutboxEventEntity } from 'nestjs-rabbitmq-outbox';
import type { DataSource, QueryRunner } from 'typeorm';
import type { NewEvent } from '../../lib/event/envelope.js';
import { newEvent } from '../../lib/emit/new-event.js';
import type { EmitOptions } from '../../lib/emit/emit-options.js';
import type { Claim, EventReader, OutboxStore, Settlement } from '../../lib/store/store.js';
import { eventually } from '../support/outbox-app.js';

export interface StoreSettings {
  /** Later events of a key wait behind a dead one. Default `true`. */
  parking?: boolean;
  /** Default `false`. */
  deletePublished?: boolean;
}

/** A database with the outbox tables in it, and stores on it. */
export interface StoreFixture {
  /** The application's data source. Knows `OutboxEventEntity`. */
  readonly dataSource: DataSource;
  /** Every statement of data source and stores, in the order they were sent. */
  readonly statements: string[];
  open(settings?: StoreSettings): OutboxStore;
  /** Removes all rows. */
  clear(): Promise<void>;
  /** Kills every connection that holds a claim. */
  killClaims(): Promise<void>;
  /** Makes the rows of these events this many milliseconds older, in every respect. */
  age(ids: readonly string[], ms: number): Promise<void>;
  close(): Promise<void>;
}

const NO_OUTCOME: Settlement = { published: [], returned: [], rescheduled: [], dead: [] };

/** What every `OutboxStore` promises. Runs on each database's implementation. */
export function storeContract(name: string, createFixture: () => Promise<StoreFixture>): void {
  describe(`the store contract on ${name}`, () => {
    let fixture: StoreFixture;
    let stores: OutboxStore[];
    let claims: Claim[];
    let runners: QueryRunner[];

    beforeAll(async () => {
      fixture = await createFixture();
    });
    afterAll(() => fixture?.close());
    beforeEach(async () => {
      stores = [];
      claims = [];
      runners = [];
      await fixture.clear();
    });
    afterEach(async () => {
      jest.restoreAllMocks();
      await Promise.all(claims.map((claim) => claim.release()));
      await Promise.all(stores.map((store) => store.close()));
      for (const runner of runners) {
        if (runner.isTransactionActive) await runner.rollbackTransaction();
        await runner.release();
      }
    });

    const open = (settings?: StoreSettings) => {
      const store = fixture.open(settings);
      stores.push(store);
      return store;
    };
    const begin = async () => {
      const runner = fixture.dataSource.createQueryRunner();
      runners.push(runner);
      await runner.startTransaction();
      return runner;
    };
    const event = (type: string, options: EmitOptions = {}): NewEvent =>
      newEvent(type, { type }, options, { maxPayload: 1_000_000 });
    const append = async (store: OutboxStore, ...events: NewEvent[]) => {
      const runner = await begin();
      await store.append(runner, events);
      await runner.commitTransaction();
    };
    const numbered = (count: number, options: (index: number) => EmitOptions = () => ({})) =>
      Array.from({ length: count }, (_, index) => event(`event.${index + 1}`, options(index)));
    const claim = async (reader: EventReader, limit = 100) => {
      const claimed = await reader.claim(limit);
      if (claimed) claims.push(claimed);
      return claimed;
    };
    const typesOf = (claimed: Claim | undefined) => claimed?.events.map(({ type }) => type) ?? [];
    const claimTypes = async (reader: EventReader, limit?: number) => typesOf(await claim(reader, limit));
    const rows = () => fixture.dataSource.getRepository(OutboxEventEntity).find({ order: { seq: 'ASC' } });
    const states = async () => Object.fromEntries((await rows()).map(({ type, state }) => [type, state]));
    const fail = async (reader: EventReader, kind: 'rescheduled' | 'dead', delay = 0) => {
      const claimed = await claim(reader, 1);
      if (!claimed) throw new Error('There is nothing to fail.');
      const failures = claimed.events.map(({ seq }) => ({ seq, error: 'Error: no', delay }));
      await claimed.settle({ ...NO_OUTCOME, [kind]: failures });
    };
    const settleAll = async (claimed: Claim | undefined, kind: 'published' | 'returned' = 'published') => {
      await claimed?.settle({ ...NO_OUTCOME, [kind]: claimed.events.map(({ seq }) => seq) });
    };

    describe('append', () => {
      test('numbers events in the given order, with one statement for one or for many', async () => {
        const store = open();
        const runner = await begin();
        const before = fixture.statements.length;
        await store.append(runner, [event('first')]);
        await store.append(runner, numbered(1_000));
        await store.append(runner, [event('last')]);
        expect(fixture.statements.length - before).toBe(3);
        await runner.commitTransaction();
        expect((await rows()).map(({ type }) => type)).toEqual([
          'first',
          ...numbered(1_000).map(({ type }) => type),
          'last',
        ]);
      });

      test('sends nothing for no events', async () => {
        const runner = await begin();
        const before = fixture.statements.length;
        await open().append(runner, []);
        expect(fixture.statements.length).toBe(before);
      });

      test('writes one row for an id given twice, and leaves the transaction usable', async () => {
        const store = open();
        const { id } = event('first');
        await append(store, event('first', { id }));
        const runner = await begin();
        await store.append(runner, [event('again', { id })]);
        const twin = event('twin').id;
        await store.append(runner, [event('twin', { id: twin }), event('twin.again', { id: twin })]);
        await store.append(runner, [event('other'), event('yet.again', { id })]);
        await runner.commitTransaction();
        expect((await rows()).map(({ type }) => type)).toEqual(['first', 'twin', 'other']);
      });

      test('leaves nothing after a rollback', async () => {
        const store = open();
        const runner = await begin();
        await store.append(runner, numbered(3));
        await runner.rollbackTransaction();
        expect(await rows()).toHaveLength(0);
        expect(await claim(store.openReader())).toBeUndefined();
      });
    });

    describe('claim', () => {
      test('hands out every field as it was appended', async () => {
        const store = open();
        const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
        const full = newEvent(
          'order.placed',
          bytes,
          {
            key: 'größe "k" \\',
            headers: { text: 'ö', number: -1.5, flag: false },
            exchange: 'other',
            contentType: 'image/png',
            correlationId: 'c',
            causationId: 'd',
            expiration: '1d',
            priority: 9,
          },
          { maxPayload: 1_000 },
        );
        const plain = event('plain');
        const before = Date.now();
        await append(store, full, plain);
        const claimed = await claim(store.openReader());
        const { availableAt: _, ...asSent } = full;
        const { availableAt: __, ...asSentToo } = plain;
        expect(claimed?.events).toEqual([
          { ...asSent, seq: expect.stringMatching(/^\d+$/), attempts: 0, occurredAt: expect.any(Number) },
          { ...asSentToo, seq: expect.stringMatching(/^\d+$/), attempts: 0, occurredAt: expect.any(Number) },
        ]);
        expect(Math.abs((claimed?.events[0]?.occurredAt ?? 0) * 1_000 - before)).toBeLessThan(60_000);
      });

      test('takes events in the order they were emitted, as many as asked for', async () => {
        const store = open();
        await append(store, ...numbered(5));
        const reader = store.openReader();
        expect(await claimTypes(reader, 2)).toEqual(['event.1', 'event.2']);
        expect(await claimTypes(reader, 2)).toEqual(['event.3', 'event.4']);
        expect(await claimTypes(reader, 2)).toEqual(['event.5']);
        expect(await claim(reader, 2)).toBeUndefined();
      });

      test('finds what was committed since the last one', async () => {
        const store = open();
        const reader = store.openReader();
        expect(await claim(reader)).toBeUndefined();
        for (const type of ['a', 'b', 'c']) {
          await append(store, event(type));
          expect(await claimTypes(reader)).toEqual([type]);
        }
        expect(await claim(reader)).toBeUndefined();
      });

      test('takes more fresh events than fit into one claim in order, none twice, none missed', async () => {
        const store = open();
        const reader = store.openReader();
        await append(store, event('old'));
        expect(await claimTypes(reader)).toEqual(['old']);
        for (let round = 0; round < 3; round++) {
          await append(store, ...numbered(25));
          const seen: string[] = [];
          for (let claimed = await claim(reader, 10); claimed; claimed = await claim(reader, 10)) {
            seen.push(...typesOf(claimed));
            await settleAll(claimed);
          }
          expect(seen).toEqual(numbered(25).map(({ type }) => type));
        }
      });

      test('never gives two readers the same event, and together they get all', async () => {
        const store = open();
        const other = open();
        await append(store, ...numbered(400));
        const drainAll = async (reader: EventReader) => {
          const seen: string[] = [];
          for (;;) {
            const claimed = await reader.claim(7);
            if (!claimed) return seen;
            seen.push(...typesOf(claimed));
            await settleAll(claimed);
          }
        };
        const shares = await Promise.all(
          [store, store, other, other].map((from) => drainAll(from.openReader())),
        );
        const all = shares.flat();
        expect(new Set(all).size).toBe(all.length);
        // A reader ends when all it sees is in others' hands; what those gave up since is for the next look.
        all.push(...(await drainAll(store.openReader())));
        expect(new Set(all)).toEqual(new Set(numbered(400).map(({ type }) => type)));
      });

      test('leaves alone what a transaction has not committed', async () => {
        const store = open();
        const runner = await begin();
        await store.append(runner, [event('open')]);
        const reader = store.openReader();
        expect(await claim(reader)).toBeUndefined();
        await append(store, event('committed'));
        expect(await claimTypes(reader)).toEqual(['committed']);
        await runner.commitTransaction();
        expect(await claimTypes(reader)).toEqual(['open']);
      });

      test('finds events that commit late, behind the ones already taken, with its next look', async () => {
        const store = open();
        const late = await Promise.all([begin(), begin(), begin()]);
        for (const [index, runner] of late.entries()) await store.append(runner, [event(`late.${index}`)]);
        await append(store, ...numbered(5));
        const reader = store.openReader();
        expect(await claimTypes(reader, 3)).toEqual(['event.1', 'event.2', 'event.3']);
        await late[0]?.commitTransaction();
        const next = [...(await claimTypes(reader, 3)), ...(await claimTypes(reader, 3))];
        expect(next).toEqual(['event.4', 'event.5', 'late.0']);
        await late[2]?.commitTransaction();
        expect(await claimTypes(reader)).toEqual(['late.2']);
        await late[1]?.rollbackTransaction();
        expect(await claim(reader)).toBeUndefined();
      });

      test.each([1, 2, 100])(
        'never takes an event before an earlier one of its key that had committed when it was emitted (%p at a time)',
        async (limit) => {
          const store = open();
          const reader = store.openReader();
          const order: string[] = [];
          const take = async () => {
            const claimed = await claim(reader, limit);
            order.push(...typesOf(claimed));
            await settleAll(claimed);
          };
          const slow = await begin();
          await store.append(slow, [event('key.1', { key: 'k' })]);
          await append(store, ...numbered(3));
          await take();
          await append(store, ...numbered(3));
          await slow.commitTransaction();
          await append(store, event('key.2', { key: 'k' }), ...numbered(3));
          await take();
          await append(store, event('key.3', { key: 'k' }));
          for (let left = 20; left > 0; left--) await take();
          expect(order.filter((type) => type.startsWith('key'))).toEqual(['key.1', 'key.2', 'key.3']);
          expect(order).toHaveLength(12);
        },
      );

      test('takes nothing that is claimed already, and finds it again once released', async () => {
        const store = open();
        await append(store, ...numbered(3));
        const reader = store.openReader();
        const first = await claim(reader);
        reader.rewind();
        expect(await claim(reader)).toBeUndefined();
        expect(await claim(open().openReader())).toBeUndefined();
        await first?.release();
        reader.rewind();
        expect(await claimTypes(reader)).toEqual(['event.1', 'event.2', 'event.3']);
        expect((await rows()).map(({ attempts }) => attempts)).toEqual([0, 0, 0]);
      });

      test('loses its events to others when its connection dies, and cannot settle them any more', async () => {
        const store = open();
        await append(store, ...numbered(3));
        const orphaned = await claim(store.openReader());
        const heir = open().openReader();
        expect(await claim(heir)).toBeUndefined();
        await fixture.killClaims();
        const inherited = await eventually(() => {
          heir.rewind();
          return claim(heir);
        });
        expect(typesOf(inherited)).toEqual(['event.1', 'event.2', 'event.3']);
        await expect(settleAll(orphaned)).rejects.toThrow();
        await settleAll(inherited, 'returned');
        expect((await rows()).map(({ returned }) => returned)).toEqual([true, true, true]);
      });

      test('goes on after the database has killed a connection', async () => {
        const store = open();
        await append(store, event('a'));
        const reader = store.openReader();
        await claim(reader);
        await fixture.killClaims();
        reader.rewind();
        expect(await eventually(async () => claimTypes(reader).catch(() => undefined))).toEqual(['a']);
      });
    });

    describe('scheduled events', () => {
      test('are taken when they are due, not before, and keep nobody waiting', async () => {
        const store = open();
        await append(
          store,
          event('later', { delay: 400 }),
          event('much.later', { delay: '1h' }),
          event('now'),
        );
        const reader = store.openReader();
        expect(await claimTypes(reader)).toEqual(['now']);
        expect(await claim(reader)).toBeUndefined();
        expect(typesOf(await eventually(() => claim(reader)))).toEqual(['later']);
        expect(await claim(reader)).toBeUndefined();
      });

      test('go by the database’s clock, whatever this machine thinks the time is', async () => {
        const store = open();
        jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 86_400_000);
        await append(store, event('in.an.hour', { delay: '1h' }));
        expect(await claim(store.openReader())).toBeUndefined();
        jest.spyOn(Date, 'now').mockReturnValue(0);
        await append(store, event('now', { delay: 0 }));
        expect(await claimTypes(store.openReader())).toEqual(['now']);
      });

      test('are due at once when their moment has passed', async () => {
        const store = open();
        await append(store, event('past', { availableAt: new Date(0) }));
        expect(await claimTypes(store.openReader())).toEqual(['past']);
      });
    });

    describe('settle', () => {
      test('records every outcome at once, with one statement for each kind, and leaves the rest pending', async () => {
        const store = open();
        await append(store, ...numbered(9));
        const reader = store.openReader();
        const claimed = await claim(reader);
        const seq = (number: number) => claimed?.events[number - 1]?.seq ?? '';
        const failed = (number: number, delay: number) => ({
          seq: seq(number),
          error: `Error: ${number}`,
          delay,
        });
        const before = fixture.statements.length;
        await claimed?.settle({
          published: [seq(1), seq(2)],
          returned: [seq(3), seq(4)],
          rescheduled: [failed(5, 3_600_000), failed(6, 3_600_000)],
          dead: [failed(7, 0), failed(8, 0)],
        });
        expect(fixture.statements.slice(before)).toHaveLength(5);
        const shown = (await rows()).map(
          ({ state, attempts, lastError, returned, publishedAt, availableAt }) => [
            state,
            attempts,
            lastError,
            returned,
            publishedAt !== null,
            availableAt !== null,
          ],
        );
        expect(shown).toEqual([
          ['published', 0, null, false, true, false],
          ['published', 0, null, false, true, false],
          ['published', 0, null, true, true, false],
          ['published', 0, null, true, true, false],
          ['pending', 1, 'Error: 5', false, false, true],
          ['pending', 1, 'Error: 6', false, false, true],
          ['dead', 1, 'Error: 7', false, false, false],
          ['dead', 1, 'Error: 8', false, false, false],
          ['pending', 0, null, false, false, false],
        ]);
        reader.rewind();
        expect(await claimTypes(reader)).toEqual(['event.9']);
      });

      test('sends only the statements there is something for', async () => {
        const store = open();
        await append(store, ...numbered(2));
        const claimed = await claim(store.openReader());
        const before = fixture.statements.length;
        await settleAll(claimed);
        expect(fixture.statements.slice(before)).toHaveLength(2);
      });

      test('deletes what was published when nothing is to be kept', async () => {
        const store = open({ deletePublished: true });
        await append(store, ...numbered(3));
        const claimed = await claim(store.openReader());
        const [first, second] = claimed?.events ?? [];
        await claimed?.settle({
          ...NO_OUTCOME,
          published: [first?.seq ?? ''],
          returned: [second?.seq ?? ''],
        });
        expect(await states()).toEqual({ 'event.3': 'pending' });
      });

      test('keeps any error text', async () => {
        const store = open();
        await append(store, event('a'));
        const claimed = await claim(store.openReader());
        const error = `{"quoted"}, \\ 'text', ${'long '.repeat(800)}`;
        await claimed?.settle({
          ...NO_OUTCOME,
          rescheduled: [{ seq: claimed.events[0]?.seq ?? '', error, delay: 0 }],
        });
        expect((await rows())[0]?.lastError).toBe(error);
      });
    });

    describe('a failed event', () => {
      test('is taken again when its wait is over, with the attempts it has spent', async () => {
        const store = open();
        await append(store, event('a', { key: 'k' }));
        const reader = store.openReader();
        for (const attempts of [0, 1, 2]) {
          const claimed = await eventually(() => claim(reader, 1));
          expect(claimed.events.map((claimedEvent) => claimedEvent.attempts)).toEqual([attempts]);
          await claimed.settle({
            ...NO_OUTCOME,
            rescheduled: [{ seq: claimed.events[0]?.seq ?? '', error: 'Error: no', delay: 200 }],
          });
          expect(await claim(reader)).toBeUndefined();
        }
      });

      test('holds back the rest of its key and nothing else, until it is published', async () => {
        const store = open();
        await append(store, event('k.1', { key: 'k' }));
        const reader = store.openReader();
        await fail(reader, 'rescheduled', 300);
        await append(
          store,
          event('k.2', { key: 'k' }),
          event('other', { key: 'o' }),
          event('keyless'),
          event('k.3', { key: 'k' }),
        );
        expect(await claimTypes(reader)).toEqual(['other', 'keyless']);
        reader.rewind();
        expect(await claim(reader)).toBeUndefined();
        const retried = await eventually(() => claim(reader));
        expect(typesOf(retried)).toEqual(['k.1']);
        await settleAll(retried);
        reader.rewind();
        expect(await claimTypes(reader)).toEqual(['k.2', 'k.3']);
      });

      test('holds back scheduled events of its key too', async () => {
        const store = open();
        await append(store, event('k.1', { key: 'k' }));
        const reader = store.openReader();
        await fail(reader, 'rescheduled', 3_600_000);
        await append(store, event('k.2', { key: 'k', delay: 0 }), event('o.1', { key: 'o', delay: 0 }));
        reader.rewind();
        expect(await claimTypes(reader)).toEqual(['o.1']);
        reader.rewind();
        expect(await claim(reader)).toBeUndefined();
      });

      test('that is dead is never taken again, and parks its key', async () => {
        const store = open({ parking: true });
        await append(store, event('k.1', { key: 'k' }), event('keyless'));
        const reader = store.openReader();
        await fail(reader, 'dead');
        await append(store, event('k.2', { key: 'k' }), event('other', { key: 'o' }));
        reader.rewind();
        expect(await claimTypes(reader)).toEqual(['keyless', 'other']);
        reader.rewind();
        expect(await claim(reader)).toBeUndefined();
        expect(await states()).toMatchObject({ 'k.1': 'dead', 'k.2': 'pending' });
      });

      test('that is dead is overtaken by its key when parking is off; one that will be retried is not', async () => {
        const store = open({ parking: false });
        await append(store, event('dead.1', { key: 'd' }));
        const reader = store.openReader();
        await fail(reader, 'dead');
        await append(store, event('retried.1', { key: 'r' }));
        await fail(reader, 'rescheduled', 3_600_000);
        await append(store, event('dead.2', { key: 'd' }), event('retried.2', { key: 'r' }));
        await append(store, event('dead.3', { key: 'd', delay: 0 }));
        reader.rewind();
        const taken = [...(await claimTypes(reader)), ...(await claimTypes(reader))];
        expect(taken).toHaveLength(2);
        expect(taken).toEqual(expect.arrayContaining(['dead.2', 'dead.3']));
      });

      test('without a key holds back nobody', async () => {
        const store = open();
        await append(store, event('a'));
        const reader = store.openReader();
        await fail(reader, 'dead');
        await append(store, event('b'));
        expect(await claimTypes(reader)).toEqual(['b']);
      });
    });

    describe('prune', () => {
      const publish = async (store: OutboxStore, events: NewEvent[]) => {
        await append(store, ...events);
        const reader = store.openReader();
        for (let claimed = await claim(reader, 1_000); claimed; claimed = await claim(reader, 1_000)) {
          await settleAll(claimed);
        }
      };
      const pruneAll = async (store: OutboxStore, retention: number, limit: number) => {
        const pruned: number[] = [];
        for await (const count of store.prune(retention, limit)) pruned.push(count);
        return pruned;
      };
      const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);

      test('removes published events that outlived the retention, and no others', async () => {
        const store = open();
        const old = [event('old.1'), event('old.2')];
        await publish(store, [...old, event('young')]);
        await append(
          store,
          event('dead', { key: 'k' }),
          event('failing'),
          event('scheduled', { delay: '1h' }),
        );
        const reader = store.openReader();
        await fail(reader, 'dead');
        await fail(reader, 'rescheduled', 3_600_000);
        await append(store, event('pending'));
        const kept = (await rows()).filter(({ type }) => type !== 'young').map(({ id }) => id);
        await fixture.age(kept, 10_000_000);
        expect(sum(await pruneAll(store, 5_000_000, 100))).toBe(2);
        expect(Object.keys(await states()).sort(byText)).toEqual([
          'dead',
          'failing',
          'pending',
          'scheduled',
          'young',
        ]);
      });

      test('takes no more than the limit in one step, however much there is', async () => {
        const store = open();
        const old = numbered(25);
        await publish(store, old);
        await fixture.age(
          old.map(({ id }) => id),
          10_000,
        );
        const steps = await pruneAll(store, 5_000, 10);
        expect(steps.every((count) => count <= 10)).toBe(true);
        expect(sum(steps)).toBe(25);
        expect(await rows()).toHaveLength(0);
      });

      test('is not held up by old events that were published a moment ago', async () => {
        const store = open();
        // Scheduled long before, published just now: their numbers are the lowest of all published ones.
        const late = numbered(30);
        await publish(store, late);
        await fixture.age(
          late.map(({ id }) => id),
          10_000,
        );
        await fixture.dataSource
          .getRepository(OutboxEventEntity)
          .update({ state: 'published' }, { publishedAt: new Date(Date.now() + 60_000) });
        const expired = [event('expired.1'), event('expired.2')];
        await publish(store, expired);
        await fixture.age(
          expired.map(({ id }) => id),
          10_000,
        );
        expect(sum(await pruneAll(store, 5_000, 10))).toBe(2);
        expect(await rows()).toHaveLength(30);
      });

      test('does not wait for another that is at the same rows', async () => {
        const store = open();
        const other = open();
        const old = numbered(200);
        await publish(store, old);
        await fixture.age(
          old.map(({ id }) => id),
          10_000,
        );
        const pruned = await Promise.all([store, other].map((from) => pruneAll(from, 5_000, 20)));
        expect(sum(pruned.flat())).toBeLessThanOrEqual(200);
        await pruneAll(store, 5_000, 20);
        expect(await rows()).toHaveLength(0);
      });

      test('of an empty table removes nothing', async () => {
        expect(sum(await pruneAll(open(), 0, 10))).toBe(0);
      });
    });

    describe('stats', () => {
      test('are zeros for an empty table', async () => {
        expect(await open().stats(100)).toEqual({
          pending: 0,
          retrying: 0,
          dead: 0,
          lag: 0,
          countedUpTo: 100,
        });
      });

      test('count what waits, what is retried and what is dead, and how long the oldest has waited', async () => {
        const store = open();
        const oldest = event('oldest');
        await append(store, event('dead'));
        const reader = store.openReader();
        await fail(reader, 'dead');
        await append(store, event('retried'));
        await fail(reader, 'rescheduled', 3_600_000);
        await append(store, event('published'));
        await settleAll(await claim(reader));
        await append(store, oldest, event('young'), event('scheduled', { delay: '1h' }));
        await fixture.age([oldest.id], 60_000);
        const { lag, ...counts } = await store.stats(100);
        expect(counts).toEqual({ pending: 4, retrying: 1, dead: 1, countedUpTo: 100 });
        expect(lag).toBeGreaterThanOrEqual(60_000);
        expect(lag).toBeLessThan(120_000);
      });

      test('measure the lag of a scheduled event from when it was due', async () => {
        const store = open();
        const scheduled = event('scheduled', { delay: '1h' });
        await append(store, scheduled);
        expect((await store.stats(100)).lag).toBe(0);
        await fixture.age([scheduled.id], 3_660_000);
        const { lag } = await store.stats(100);
        expect(lag).toBeGreaterThanOrEqual(60_000);
        expect(lag).toBeLessThan(120_000);
      });

      test('stop counting at the limit', async () => {
        const store = open();
        await append(store, ...numbered(30));
        expect(await store.stats(10)).toMatchObject({ countedUpTo: 10, pending: 10 });
      });
    });

    describe('close', () => {
      test('ends what the store opened, leaves the application’s data source alone, and is final', async () => {
        const store = open();
        await append(store, event('a'));
        const reader = store.openReader();
        await store.stats(10);
        await store.close();
        await store.close();
        await expect(reader.claim(1)).rejects.toThrow('closed');
        await expect(store.stats(10)).rejects.toThrow('closed');
        expect(await rows()).toHaveLength(1);
      });

      test('of a store that was never used opens nothing', async () => {
        const before = fixture.statements.length;
        await open().close();
        expect(fixture.statements.length).toBe(before);
      });
    });
  });
}

const byText = (a: string, b: string) => a.localeCompare(b);
