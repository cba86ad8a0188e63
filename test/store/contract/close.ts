import { describe, expect, test } from '@jest/globals';
import { EVERY_LANE, type StoreContext } from './context.js';

export function closeContract({ fixture, open, event, append, rows }: StoreContext): void {
  describe('close', () => {
    test('ends what the store opened, leaves the application’s data source alone, and is final', async () => {
      const store = open();
      await append(store, event('a'));
      const reader = store.openReader();
      await store.stats(10, 16);
      await store.close();
      await store.close();
      await expect(reader.read(1, () => EVERY_LANE)).rejects.toThrow('closed');
      await expect(store.stats(10, 16)).rejects.toThrow('closed');
      expect(await rows()).toHaveLength(1);
    });

    test('of a store that was never used opens nothing', async () => {
      const before = fixture().statements.length;
      await open().close();
      expect(fixture().statements.length).toBe(before);
    });
  });
}
