import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { DeadEventFilter, DeadEvents } from '../../lib/store/dead-events.js';
import type { EventState } from '../../lib/store/entities.js';

export interface GivenEvent {
  type: string;
  key?: string;
  /** Default `'dead'`. */
  state?: EventState;
  /** One per failed attempt, oldest first. */
  errors?: ReadonlyArray<{ at: string; error: string }>;
  headers?: Record<string, string>;
}

export interface DeadEventsFixture {
  readonly deadEvents: DeadEvents;
  /** Puts rows into the outbox, in this order. Resolves to their ids. */
  insert(events: readonly GivenEvent[]): Promise<string[]>;
  /** `ready`: it can leave at once, and readers find it as one that has just become visible. */
  rows(): Promise<Array<{ id: string; state: string; attempts: number; errors: unknown; ready: boolean }>>;
  /** Makes everything look as if readers had passed over it long ago. */
  age(): Promise<void>;
  /** Says that a relay runs, which lets keys go on behind their dead events. */
  continueBehindTheDead(): Promise<void>;
  clear(): Promise<void>;
  /** Runs `work` while another operator has the row of this event in hand. */
  whileLocked(id: string, work: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** What every database promises of its dead events. */
export function deadEventsContract(name: string, create: () => Promise<DeadEventsFixture>): void {
  describe(`dead events on ${name}`, () => {
    let on: DeadEventsFixture;
    beforeAll(async () => {
      on = await create();
    });
    afterAll(() => on?.close());
    beforeEach(() => on.clear());

    const failed = (error: string, at = '2026-03-01T10:00:00.000Z') => [{ at, error }];
    const page = { limit: 100 };
    const typesOf = async (filter: DeadEventFilter) =>
      (await on.deadEvents.list(filter, page)).map(({ type }) => type);

    test('are all that is on record of an event that died, oldest first, and no other event', async () => {
      const [id] = await on.insert([
        {
          type: 'order.placed',
          key: 'order-1',
          headers: { tenant: 'a' },
          errors: [...failed('first'), ...failed('second', '2026-03-01T10:00:05.000Z')],
        },
        { type: 'order.paid', state: 'pending', errors: failed('not yet') },
        { type: 'order.sent', state: 'published' },
        { type: 'order.lost', errors: failed('gone') },
      ]);
      const found = await on.deadEvents.list({}, page);
      expect(found.map(({ type }) => type)).toEqual(['order.placed', 'order.lost']);
      expect(found[0]).toEqual({
        seq: expect.stringMatching(/^\d+$/),
        id,
        type: 'order.placed',
        key: 'order-1',
        body: Buffer.from('{"type":"order.placed"}'),
        contentType: 'application/json',
        headers: { tenant: 'a' },
        exchange: null,
        correlationId: null,
        attempts: 2,
        errors: [
          { attempt: 1, at: '2026-03-01T10:00:00.000Z', error: 'first' },
          { attempt: 2, at: '2026-03-01T10:00:05.000Z', error: 'second' },
        ],
        occurredAt: expect.any(Number),
      });
      expect(Math.abs((found[0]?.occurredAt ?? 0) - Date.now())).toBeLessThan(60_000);
      expect(await on.deadEvents.count({})).toBe(2);
    });

    describe('are found by a filter:', () => {
      beforeEach(async () => {
        await on.insert([
          {
            type: 'order.placed',
            key: 'k1',
            errors: failed('Exchange NOT FOUND', '2026-03-01T10:00:00.000Z'),
          },
          { type: 'order.line.added', key: 'k2', errors: failed('100% full', '2026-03-01T11:00:00.000Z') },
          { type: 'user.created', errors: failed('nack', '2026-03-01T12:00:00.000Z') },
        ]);
      });

      test.each<[string, DeadEventFilter, string[]]>([
        ['nothing asked for', {}, ['order.placed', 'order.line.added', 'user.created']],
        ['a type', { types: ['order.placed'] }, ['order.placed']],
        ['a pattern of one word', { types: ['order.*'] }, ['order.placed']],
        ['a pattern of any words', { types: ['order.#'] }, ['order.placed', 'order.line.added']],
        ['one of several patterns', { types: ['user.#', '*.placed'] }, ['order.placed', 'user.created']],
        ['a pattern nothing matches', { types: ['orderXplaced'] }, []],
        ['a key', { key: 'k2' }, ['order.line.added']],
        ['a part of an error, in any case', { error: 'not found' }, ['order.placed']],
        ['an error with what is special elsewhere', { error: '0% f' }, ['order.line.added']],
        [
          'not before a time',
          { failedAfter: new Date('2026-03-01T11:00:00Z') },
          ['order.line.added', 'user.created'],
        ],
        [
          'not after a time',
          { failedBefore: new Date('2026-03-01T11:00:00Z') },
          ['order.placed', 'order.line.added'],
        ],
        ['several things at once', { types: ['order.#'], key: 'k1', error: 'found' }, ['order.placed']],
        ['no ids', { ids: [] }, []],
        ['the id of a foreign message', { ids: ['order-7'] }, []],
      ])('%s', async (_what, filter, types) => {
        expect(await typesOf(filter)).toEqual(types);
        expect(await on.deadEvents.count(filter)).toBe(types.length);
      });

      test('their ids', async () => {
        const [first, , third] = await on.deadEvents.list({}, page);
        const ids = [third?.id ?? '', 'order-7', first?.id.toUpperCase() ?? ''];
        expect(await typesOf({ ids })).toEqual(['order.placed', 'user.created']);
      });
    });

    test('come in pages that do not shift when others die, or go', async () => {
      const ids = await on.insert(Array.from({ length: 7 }, (_, index) => ({ type: `event.${index + 1}` })));
      const first = await on.deadEvents.list({}, { limit: 3 });
      await on.deadEvents.remove({ ids: [ids[1] as string] }, { limit: 1 });
      await on.insert([{ type: 'event.8' }]);
      const second = await on.deadEvents.list({}, { limit: 3, after: first.at(-1)?.seq });
      const third = await on.deadEvents.list({}, { limit: 3, after: second.at(-1)?.seq });
      expect([second, third].map((events) => events.map(({ type }) => type))).toEqual([
        ['event.4', 'event.5', 'event.6'],
        ['event.7', 'event.8'],
      ]);
    });

    test('are pending again with all their attempts, ready at once, with their history, when requeued', async () => {
      await on.insert([
        { type: 'a', errors: failed('no') },
        { type: 'b', errors: failed('no') },
      ]);
      await on.age();
      const requeued = await on.deadEvents.requeue({ types: ['a'] }, page);
      expect(requeued).toHaveLength(1);
      expect(await on.rows()).toEqual([
        {
          id: requeued[0]?.id,
          state: 'pending',
          attempts: 0,
          ready: true,
          errors: [{ attempt: 1, at: '2026-03-01T10:00:00.000Z', error: 'no' }],
        },
        expect.objectContaining({ state: 'dead', attempts: 1 }),
      ]);
      expect(await on.deadEvents.requeue({ types: ['a'] }, page)).toEqual([]);
    });

    test('are requeued and removed page by page, up to a last one', async () => {
      expect(await on.deadEvents.last()).toBeUndefined();
      await on.insert(Array.from({ length: 5 }, (_, index) => ({ type: `event.${index + 1}` })));
      const until = await on.deadEvents.last();
      await on.insert([{ type: 'event.6' }]);
      const first = await on.deadEvents.requeue({}, { limit: 3, until });
      const second = await on.deadEvents.requeue({}, { limit: 3, until, after: first.at(-1)?.seq });
      expect([first.length, second.length]).toEqual([3, 2]);
      expect(await typesOf({})).toEqual(['event.6']);
      expect(await on.deadEvents.remove({}, { limit: 3, until })).toEqual([]);
      expect(await on.deadEvents.remove({}, { limit: 3 })).toHaveLength(1);
      expect((await on.rows()).map(({ state }) => state)).toEqual(Array.from({ length: 5 }, () => 'pending'));
    });

    describe('when removed, free of what waits for them', () => {
      const waiting = { key: 'k', state: 'pending' } as const;
      const states = async () =>
        (await on.rows()).map(({ state, errors, ready }) => [state, errors !== null, ready]);

      test('the first, behind which the rest of its key goes on waiting', async () => {
        await on.insert([
          { type: 'a', key: 'k', errors: failed('no') },
          { type: 'b', key: 'k', errors: failed('no') },
          { type: 'c', ...waiting },
          { type: 'd', ...waiting },
          { type: 'e', key: 'another', state: 'pending' },
        ]);
        await on.age();
        await on.deadEvents.remove({}, { limit: 100 });
        expect(await states()).toEqual([
          ['pending', true, true],
          ['pending', false, false],
          ['pending', false, false],
        ]);
      });

      test('nothing, as long as an earlier one of the key is dead or has been put back', async () => {
        await on.insert([
          { type: 'a', key: 'k', errors: failed('no') },
          { type: 'b', key: 'k', errors: failed('no') },
          { type: 'c', ...waiting },
        ]);
        await on.age();
        await on.deadEvents.remove({ types: ['b'] }, { limit: 100 });
        expect(await states()).toEqual([
          ['dead', true, false],
          ['pending', false, false],
        ]);
        await on.insert([{ type: 'd', key: 'k', errors: failed('no') }]);
        await on.deadEvents.requeue({ types: ['a'] }, { limit: 100 });
        await on.age();
        await on.deadEvents.remove({ types: ['d'] }, { limit: 100 });
        expect(await states()).toEqual([
          ['pending', true, true],
          ['pending', false, false],
        ]);
      });

      test('nothing where keys go on behind dead events', async () => {
        await on.continueBehindTheDead();
        await on.insert([
          { type: 'a', key: 'k', errors: failed('no') },
          { type: 'b', ...waiting },
        ]);
        await on.age();
        await on.deadEvents.remove({}, { limit: 100 });
        expect(await states()).toEqual([['pending', false, false]]);
      });
    });

    test('are left out of a page while another operator has them in hand', async () => {
      const [mine, theirs] = (await on.insert([{ type: 'mine' }, { type: 'theirs' }])) as [string, string];
      await on.whileLocked(theirs, async () => {
        expect((await on.deadEvents.requeue({}, page)).map(({ id }) => id)).toEqual([mine]);
        expect(await on.deadEvents.remove({}, page)).toEqual([]);
      });
      expect((await on.deadEvents.requeue({}, page)).map(({ id }) => id)).toEqual([theirs]);
    });
  });
}
