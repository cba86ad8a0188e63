import { describe, expect, test } from '@jest/globals';
import type { StoreContext } from './context.js';

/** When a reader wants to be asked again. */
export function readingOnContract({ open, event, append, numbered, read }: StoreContext): void {
  describe('a read', () => {
    test('tells whether it has left anything that was ready, which need not be asked for then', async () => {
      const store = open();
      const reader = store.openReader();
      await append(store, ...numbered(5));
      const left = async (limit: number) => [(await read(reader, limit)).length, reader.isExhausted];
      expect(await left(3)).toEqual([3, false]);
      expect(await left(3)).toEqual([2, true]);
      expect(await left(3)).toEqual([0, true]);
      await append(store, ...numbered(5));
      expect(await left(3)).toEqual([3, false]);
      expect(await left(3)).toEqual([2, true]);
      await append(store, event('due', { delay: 0 }));
      expect(await left(3)).toEqual([1, false]);
      reader.rewind();
      expect(reader.isExhausted).toBe(false);
    });

    test('after one that found something, asks to be asked for what is due before long', async () => {
      const store = open();
      const reader = store.openReader();
      expect(await left(reader)).toBeUndefined();
      await append(store, event('now'));
      expect(await left(reader)).toBeLessThanOrEqual(100);
      expect(await left(reader)).toBeUndefined();

      async function left(from: typeof reader): Promise<number | undefined> {
        await read(from);
        return from.nextDue;
      }
    });
  });
}
