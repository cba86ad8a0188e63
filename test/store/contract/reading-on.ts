import { describe, expect, test } from '@jest/globals';
import type { StoreContext } from './context.js';

/** When a reader wants to be asked again. */
export function readingOnContract({ open, event, append, read }: StoreContext): void {
  describe('a read', () => {
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
