import { describe, expect, test } from '@jest/globals';
import type { EventReader } from '../../../lib/store/store.js';
import { eventually } from '../../support/outbox-app.js';
import { type StoreContext } from './context.js';

export function claimContract({
  fixture,
  open,
  begin,
  event,
  append,
  numbered,
  claim,
  typesOf,
  claimTypes,
  rows,
  settleAll,
}: StoreContext): void {
  describe('claim', () => {
    test('hands out every field as it was appended', async () => {
      const store = open();
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      const full = event(
        'order.placed',
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
        bytes,
      );
      const plain = event('plain');
      const before = Date.now();
      await append(store, full, plain);
      const claimed = await claim(store.openReader());
      const { availableAt: _, idGiven: __, ...asSent } = full;
      const { availableAt: ___, idGiven: ____, ...asSentToo } = plain;
      expect(claimed?.events).toEqual([
        {
          ...asSent,
          seq: expect.stringMatching(/^\d+$/),
          attempts: 0,
          hasFailed: false,
          occurredAt: expect.any(Number),
        },
        {
          ...asSentToo,
          seq: expect.stringMatching(/^\d+$/),
          attempts: 0,
          hasFailed: false,
          occurredAt: expect.any(Number),
        },
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
      await fixture().killClaims();
      const inherited = await eventually(() => {
        heir.rewind();
        return claim(heir);
      });
      expect(typesOf(inherited)).toEqual(['event.1', 'event.2', 'event.3']);
      await expect(settleAll(orphaned)).rejects.toThrow(/terminat|closed|released|not queryable/i);
      await settleAll(inherited, 'returned');
      expect((await rows()).map(({ returned }) => returned)).toEqual([true, true, true]);
    });

    test('goes on after the database has killed a connection', async () => {
      const store = open();
      await append(store, event('a'));
      const reader = store.openReader();
      await claim(reader);
      await fixture().killClaims();
      reader.rewind();
      expect(await eventually(async () => claimTypes(reader).catch(() => undefined))).toEqual(['a']);
    });
  });
}
