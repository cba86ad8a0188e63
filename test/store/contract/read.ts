import { describe, expect, test } from '@jest/globals';
import { OutboxEventEntity } from 'nestjs-rabbitmq-outbox';
import { LaneSet, laneSlot } from '../../../lib/event/lane.js';
import { eventually } from '../../support/outbox-app.js';
import { some, type StoreContext } from './context.js';

export function readContract({
  fixture,
  open,
  begin,
  event,
  append,
  numbered,
  read,
  typesOf,
  readTypes,
  rows,
  fail,
  settleAll,
}: StoreContext): void {
  describe('read', () => {
    test.each([
      ['at first', 0],
      ['where little comes', 2],
    ])('hands out every field as it was appended, %s', async (_, readsBefore) => {
      const store = open();
      const reader = store.openReader();
      for (let n = 0; n < readsBefore; n++) expect(await read(reader)).toEqual([]);
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
          requireRoute: true,
        },
        bytes,
      );
      const plain = event('plain');
      const before = Date.now();
      await append(store, full, plain);
      const found = await read(reader);
      const { availableAt: ____, idGiven: __, ...asSent } = full;
      const { availableAt: _____, idGiven: ______, ...asSentToo } = plain;
      expect(found).toEqual([
        {
          ...asSent,
          seq: expect.any(Number),
          slot: expect.any(Number),
          attempts: 0,
          hasFailed: false,
          occurredAt: expect.any(Number),
        },
        {
          ...asSentToo,
          seq: expect.any(Number),
          slot: expect.any(Number),
          attempts: 0,
          hasFailed: false,
          occurredAt: expect.any(Number),
        },
      ]);
      expect(Math.abs((found[0]?.occurredAt ?? 0) * 1_000 - before)).toBeLessThan(60_000);
    });

    test('takes events in the order they were emitted, as many as asked for', async () => {
      const store = open();
      await append(store, ...numbered(5));
      const reader = store.openReader();
      expect(await readTypes(reader, 2)).toEqual(['event.1', 'event.2']);
      expect(await readTypes(reader, 2)).toEqual(['event.3', 'event.4']);
      expect(await readTypes(reader, 2)).toEqual(['event.5']);
      expect(await readTypes(reader)).toEqual([]);
    });

    test('finds what was committed since the last one', async () => {
      const store = open();
      const reader = store.openReader();
      expect(await readTypes(reader)).toEqual([]);
      for (const type of ['a', 'b', 'c']) {
        await append(store, event(type));
        expect(await readTypes(reader)).toEqual([type]);
      }
      expect(await readTypes(reader)).toEqual([]);
    });

    test('takes more fresh events than fit into one claim in order, none twice, none missed', async () => {
      const store = open();
      const reader = store.openReader();
      await append(store, event('old'));
      expect(await readTypes(reader)).toEqual(['old']);
      for (let round = 0; round < 3; round++) {
        await append(store, ...numbered(25));
        const seen: string[] = [];
        for (let found = await read(reader, 10); found.length > 0; found = await read(reader, 10)) {
          seen.push(...typesOf(found));
          await settleAll(store, found);
        }
        expect(seen).toEqual(numbered(25).map(({ type }) => type));
      }
    });

    test('takes what is in its lanes and nothing else: together all of them take everything, once', async () => {
      const store = open();
      await append(store, ...numbered(400, (index) => ({ key: `key-${index}` })));
      const shares = [new Set([0, 2]), new Set([1]), new Set([3])].map((lanes) => new LaneSet(4, lanes));
      const readAll = async (lanes: LaneSet) => {
        const reader = store.openReader();
        const seen: string[] = [];
        for (
          let found = await read(reader, 7, lanes);
          found.length > 0;
          found = await read(reader, 7, lanes)
        ) {
          expect(found.every(({ key, slot }) => slot === laneSlot(key) && lanes.has(slot))).toBe(true);
          seen.push(...typesOf(found));
        }
        return seen;
      };
      const all = (await Promise.all(shares.map(readAll))).flat();
      expect(new Set(all).size).toBe(all.length);
      expect(new Set(all)).toEqual(new Set(numbered(400).map(({ type }) => type)));
    });

    test('leaves alone what a transaction has not committed', async () => {
      const store = open();
      const runner = await begin();
      await store.append(runner, [event('open')]);
      const reader = store.openReader();
      expect(await readTypes(reader)).toEqual([]);
      await append(store, event('committed'));
      expect(await readTypes(reader)).toEqual(['committed']);
      await runner.commitTransaction();
      expect(await readTypes(reader)).toEqual(['open']);
    });

    test('finds events that commit late, behind the ones already taken, with its next look', async () => {
      const store = open();
      const late = await Promise.all([begin(), begin(), begin()]);
      for (const [index, runner] of late.entries()) await store.append(runner, [event(`late.${index}`)]);
      await append(store, ...numbered(5));
      const reader = store.openReader();
      expect(await readTypes(reader, 3)).toEqual(['event.1', 'event.2', 'event.3']);
      await late[0]?.commitTransaction();
      const next = [...(await readTypes(reader, 3)), ...(await readTypes(reader, 3))];
      expect(next).toEqual(['event.4', 'event.5', 'late.0']);
      await late[2]?.commitTransaction();
      expect(await readTypes(reader)).toEqual(['late.2']);
      await late[1]?.rollbackTransaction();
      expect(await readTypes(reader)).toEqual([]);
    });

    test.each([1, 2, 100])(
      'never takes an event before an earlier one of its key that had committed when it was emitted (%p at a time)',
      async (limit) => {
        const store = open();
        const reader = store.openReader();
        const order: string[] = [];
        const take = async () => {
          const found = await read(reader, limit);
          order.push(...typesOf(found));
          await settleAll(store, found);
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

    test('takes an event once, until told to begin again, from a position on or from the first', async () => {
      const store = open();
      await append(store, ...numbered(4));
      const reader = store.openReader();
      const [first, second] = await read(reader);
      expect(await read(reader)).toEqual([]);
      reader.rewind(second?.seq);
      expect(await readTypes(reader)).toEqual(['event.3', 'event.4']);
      reader.rewind();
      expect(await readTypes(reader, 3)).toEqual(['event.1', 'event.2', 'event.3']);
      await settleAll(
        store,
        [first, second].flatMap((event) => event ?? []),
      );
      reader.rewind();
      expect(await readTypes(reader)).toEqual(['event.3', 'event.4']);
      expect((await rows()).map(({ attempts }) => attempts)).toEqual([0, 0, 0, 0]);
    });

    test('finds what has committed late behind a position it was told to begin from again', async () => {
      const store = open();
      const reader = store.openReader();
      const late = await begin();
      await store.append(late, [event('late')]);
      await append(store, ...numbered(3));
      expect(await readTypes(reader)).toEqual(['event.1', 'event.2', 'event.3']);
      await late.commitTransaction();
      reader.rewind(reader.covered);
      expect(await readTypes(reader)).toEqual(['late']);
      expect(await readTypes(reader)).toEqual([]);
    });

    test('finds all that has committed late, however few it is asked for', async () => {
      const store = open();
      const reader = store.openReader();
      const late = await begin();
      await store.append(late, numbered(5));
      await append(store, event('old'));
      expect(await readTypes(reader)).toEqual(['old']);
      await late.commitTransaction();
      const seen: string[] = [];
      for (let found = await read(reader, 2); found.length > 0; found = await read(reader, 2)) {
        seen.push(...typesOf(found));
        await settleAll(store, found);
      }
      expect(seen.filter((type) => type !== 'old')).toEqual(numbered(5).map(({ type }) => type));
    });

    test('begins again for lanes that have come while it was reading', async () => {
      const store = open();
      await append(store, ...numbered(100, (index) => ({ key: `key-${index}` })));
      const reader = store.openReader();
      let lanes = new LaneSet(2, new Set([0]));
      const first = reader.read(1_000, () => lanes);
      lanes = new LaneSet(2, new Set([0, 1]));
      reader.rewind();
      const all = [...(await first), ...(await reader.read(1_000, () => lanes))];
      expect(new Set(typesOf(all))).toEqual(new Set(numbered(100).map(({ type }) => type)));
    });

    test('says how far it has come: everything before is read, but for what commits late', async () => {
      const store = open();
      const reader = store.openReader();
      expect(reader.covered).toBe(0);
      await append(store, ...numbered(5));
      const page = await read(reader, 2);
      expect(reader.covered).toBe(page[1]?.seq);
      const rest = await read(reader);
      expect(reader.covered).toBe(rest.at(-1)?.seq);
      reader.rewind(page[0]?.seq);
      expect(reader.covered).toBe(page[0]?.seq);
      expect(await read(reader)).toHaveLength(4);
      expect(reader.covered).toBe(rest.at(-1)?.seq);
    });

    test('begins no later than at the first event that has failed, whose key waits for it', async () => {
      const store = open();
      const reader = store.openReader();
      await append(store, event('k.1', { key: 'k' }));
      await fail(store, reader, 'dead');
      await append(store, event('k.2', { key: 'k' }), event('other'));
      const found = await read(reader);
      expect(typesOf(found)).toEqual(['other']);
      await settleAll(store, found);
      await fixture().dataSource.getRepository(OutboxEventEntity).delete({ type: 'k.1' });
      reader.rewind(0);
      expect(await readTypes(reader)).toEqual(['k.2']);
    });

    test('goes on after the database has killed its connection', async () => {
      const store = open();
      await append(store, event('a'));
      const reader = store.openReader();
      await read(reader);
      await fixture().killConnections();
      reader.rewind();
      expect(await eventually(async () => some(await readTypes(reader).catch(() => [])))).toEqual(['a']);
    });
  });

  describe('readKey', () => {
    test('yields the ready events of one key behind a position, in order, and of no other', async () => {
      const store = open();
      await append(store, ...numbered(6, (index) => ({ key: index % 2 === 0 ? 'k' : 'other' })));
      await append(store, event('scheduled', { key: 'k', delay: '1h' }), event('keyless'));
      const reader = store.openReader();
      const all = await reader.readKey('k', 0, 10);
      expect(typesOf(all)).toEqual(['event.1', 'event.3', 'event.5']);
      expect(typesOf(await reader.readKey('k', all[0]?.seq ?? 0, 1))).toEqual(['event.3']);
      expect(await reader.readKey('unknown', 0, 10)).toEqual([]);
    });

    test('ends with the first event that has failed, and begins again when that one is through', async () => {
      const store = open();
      await append(store, event('k.1', { key: 'k' }));
      const reader = store.openReader();
      await fail(store, reader, 'rescheduled', 0);
      await append(store, event('k.2', { key: 'k' }), event('k.3', { key: 'k' }));
      const [failed] = await eventually(async () => some(await read(reader)));
      expect(typesOf(await reader.readKey('k', 0, 10))).toEqual(['k.1']);
      await settleAll(store, failed ? [failed] : []);
      expect(typesOf(await reader.readKey('k', failed?.seq ?? 0, 10))).toEqual(['k.2', 'k.3']);
    });
  });
}
