import { describe, expect, test } from '@jest/globals';
import { type StoreContext } from './context.js';

export function statsContract({
  numbered,
  fixture,
  open,
  event,
  append,
  read,
  fail,
  settleAll,
}: StoreContext): void {
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
      await fail(store, reader, 'dead');
      await append(store, event('retried'));
      await fail(store, reader, 'rescheduled', 3_600_000);
      await append(store, event('published'));
      await settleAll(store, await read(reader));
      await append(store, oldest, event('young'), event('scheduled', { delay: '1h' }));
      await fixture().age([oldest.id], 60_000);
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
      await fixture().age([scheduled.id], 3_660_000);
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
}
