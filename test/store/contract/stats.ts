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
  openSeat,
}: StoreContext): void {
  describe('stats', () => {
    test('are zeros for an empty table', async () => {
      expect(await open().stats(100, 16)).toEqual({
        pending: 0,
        due: 0,
        retrying: 0,
        dead: 0,
        lag: 0,
        countedUpTo: 100,
        readOnly: false,
        owners: [],
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
      const { lag, ...counts } = await store.stats(100, 16);
      expect(counts).toMatchObject({ pending: 4, due: 2, retrying: 1, dead: 1, countedUpTo: 100 });
      expect(lag).toBeGreaterThanOrEqual(60_000);
      expect(lag).toBeLessThan(120_000);
    });

    test('measure the lag of a scheduled event from when it was due', async () => {
      const store = open();
      const scheduled = event('scheduled', { delay: '1h' });
      await append(store, scheduled);
      expect((await store.stats(100, 16)).lag).toBe(0);
      await fixture().age([scheduled.id], 3_660_000);
      const { lag } = await store.stats(100, 16);
      expect(lag).toBeGreaterThanOrEqual(60_000);
      expect(lag).toBeLessThan(120_000);
    });

    test('count a scheduled event among those that are due when its time has come', async () => {
      const store = open();
      const scheduled = event('scheduled', { delay: '1h' });
      await append(store, scheduled, event('later', { delay: '2h' }));
      expect(await store.stats(100, 16)).toMatchObject({ pending: 2, due: 0 });
      await fixture().age([scheduled.id], 3_660_000);
      expect(await store.stats(100, 16)).toMatchObject({ pending: 2, due: 1 });
    });

    test('stop counting at the limit', async () => {
      const store = open();
      await append(store, ...numbered(30));
      await append(store, ...numbered(5, () => ({ delay: '1h' })));
      expect(await store.stats(10, 16)).toMatchObject({ countedUpTo: 10, pending: 10, due: 10 });
      expect(await store.stats(32, 16)).toMatchObject({ countedUpTo: 32, pending: 32, due: 30 });
    });

    test('tell who holds which lanes, and what each relay says of itself', async () => {
      const store = open();
      const one = openSeat(store, 16);
      const other = openSeat(store, 16);
      await one.take();
      await one.hold([3, 0]);
      await one.announce({ breaker: 'closed' });
      await other.take();
      const { owners } = await store.stats(100, 16);
      expect(owners).toMatchObject([
        { service: 'test', host: 'here', pid: 1, lanes: [0, 3], report: { breaker: 'closed' } },
        { service: 'test', host: 'here', pid: 1, lanes: [], report: {} },
      ]);
      expect(owners[0]?.seen).toBeLessThan(60_000);
      await one.giveBack(1);
      await other.leave();
      const left = await store.stats(100, 16);
      expect(left.owners).toMatchObject([{ lanes: [3] }]);
      await one.leave();
      expect((await store.stats(100, 16)).owners).toEqual([]);
    });
  });
}
