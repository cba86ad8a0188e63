import { describe, expect, test } from '@jest/globals';
import { LaneSet } from '../../../lib/event/lane.js';
import type { OutboxStore } from '../../../lib/store/store.js';
import type { StoreContext } from './context.js';

export function littleContract({
  open,
  begin,
  event,
  append,
  numbered,
  read,
  readTypes,
  typesOf,
  fail,
}: StoreContext): void {
  describe('where little comes', () => {
    async function restingReader(store: OutboxStore) {
      const reader = store.openReader();
      while ((await read(reader)).length > 0);
      expect(await readTypes(reader)).toEqual([]);
      return reader;
    }

    test('a read that found all there is says so, whether it found something or not', async () => {
      const store = open();
      const reader = await restingReader(store);
      expect(reader.isExhausted).toBe(true);
      await append(store, ...numbered(3));
      expect(await readTypes(reader)).toEqual(['event.1', 'event.2', 'event.3']);
      expect(reader.isExhausted).toBe(true);
    });

    test('it does not say so of a page that was cut short, nor when all is to be read again', async () => {
      const store = open();
      const reader = await restingReader(store);
      await append(store, ...numbered(3));
      expect(await readTypes(reader, 2)).toEqual(['event.1', 'event.2']);
      expect(reader.isExhausted).toBe(false);
      expect(await readTypes(reader, 2)).toEqual(['event.3']);
      expect(await readTypes(reader, 2)).toEqual([]);
      expect(await readTypes(reader, 2)).toEqual([]);
      expect(reader.isExhausted).toBe(true);
      reader.rewind();
      expect(reader.isExhausted).toBe(false);
      expect(await readTypes(reader)).toEqual(['event.1', 'event.2', 'event.3']);
    });

    test('a rewind while it reads is not forgotten', async () => {
      const store = open();
      await append(store, ...numbered(2));
      const reader = await restingReader(store);
      const reading = readTypes(reader);
      reader.rewind();
      const seen = await reading;
      expect(reader.isExhausted).toBe(false);
      expect([...seen, ...(await readTypes(reader))]).toEqual(['event.1', 'event.2']);
    });

    test('hundreds at once come all, in order, once', async () => {
      const store = open();
      const reader = await restingReader(store);
      await append(store, ...numbered(450));
      const seen: string[] = [];
      for (let found = await read(reader, 1_000); found.length > 0; found = await read(reader, 1_000))
        seen.push(...typesOf(found));
      expect(seen).toEqual(numbered(450).map(({ type }) => type));
    });

    test('what is due comes next, when something else was ready', async () => {
      const store = open();
      const reader = await restingReader(store);
      await append(store, event('due', { delay: 0 }), event('ready'), event('later', { delay: '1h' }));
      expect(await readTypes(reader)).toEqual(['ready']);
      expect(reader.isExhausted).toBe(false);
      await append(store, event('ready.too'));
      expect(await readTypes(reader)).toEqual(['due']);
      // A scheduled event may be handed out twice.
      expect((await readTypes(reader)).at(-1)).toBe('ready.too');
      expect(reader.isExhausted).toBe(true);
      expect(reader.nextDue).toBeGreaterThan(3_500_000);
    });

    test('an event behind a failed one of its key stays where it is', async () => {
      const store = open();
      await append(store, event('first', { key: 'k' }));
      await fail(store, store.openReader(), 'dead');
      const reader = await restingReader(store);
      await append(store, event('second', { key: 'k' }), event('other', { key: 'l' }));
      expect(await readTypes(reader)).toEqual(['other']);
      expect(reader.isExhausted).toBe(true);
    });

    test('a page of nothing but what is held back is not the end', async () => {
      const store = open();
      await append(store, event('first', { key: 'k' }));
      await fail(store, store.openReader(), 'dead');
      const reader = await restingReader(store);
      await append(store, ...numbered(2, () => ({ key: 'k' })), event('other', { key: 'l' }));
      expect(await readTypes(reader, 2)).toEqual(['other']);
    });

    test('only our lanes are looked at, whichever they are', async () => {
      const store = open();
      const lanes = (...of: number[]) => new LaneSet(4, new Set(of));
      const reader = store.openReader();
      for (let n = 0; n < 2; n++) await read(reader, 100, lanes(1));
      const keyed = () => numbered(40, (index) => ({ key: `key-${index}` }));
      await append(store, ...keyed());
      const ours = await read(reader, 100, lanes(1));
      expect(ours.length).toBeGreaterThan(0);
      expect(ours.every(({ slot }) => lanes(1).has(slot))).toBe(true);
      await append(store, ...keyed());
      const others = await read(reader, 100, lanes(0, 2, 3));
      expect(ours.length + others.length).toBe(40);
      expect(others.some(({ slot }) => lanes(1).has(slot))).toBe(false);
    });

    test('what commits later than what came after it is found', async () => {
      const store = open();
      const reader = await restingReader(store);
      const slow = await begin();
      await store.append(slow, [event('slow')]);
      await append(store, event('quick'));
      expect(await readTypes(reader)).toEqual(['quick']);
      await slow.commitTransaction();
      expect(await readTypes(reader)).toEqual(['slow']);
      expect(await readTypes(reader)).toEqual([]);
    });
  });
}
