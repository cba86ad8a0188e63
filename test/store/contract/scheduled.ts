import { describe, expect, jest, test } from '@jest/globals';
import { eventually } from '../../support/outbox-app.js';
import type { OutboxStore } from '../../../lib/store/store.js';
import { some, type StoreContext } from './context.js';

export function scheduledContract({
  open,
  event,
  append,
  read,
  typesOf,
  readTypes,
  fail,
  settleAll,
  begin,
  rows,
}: StoreContext): void {
  describe('scheduled events', () => {
    test('are taken when they are due, not before, and keep nobody waiting', async () => {
      const store = open();
      await append(store, event('later', { delay: 400 }), event('much.later', { delay: '1h' }), event('now'));
      const reader = store.openReader();
      expect(await readTypes(reader)).toEqual(['now']);
      expect(await readTypes(reader)).toEqual([]);
      const due = await eventually(async () => some(await read(reader)));
      expect(typesOf(due)).toEqual(['later']);
      await settleAll(store, due);
      expect(await readTypes(reader)).toEqual([]);
    });

    test('go by the database’s clock, whatever this machine thinks the time is', async () => {
      const store = open();
      jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 86_400_000);
      await append(store, event('in.an.hour', { delay: '1h' }));
      expect(await readTypes(store.openReader())).toEqual([]);
      jest.spyOn(Date, 'now').mockReturnValue(0);
      await append(store, event('now', { delay: 0 }));
      expect(await readTypes(store.openReader())).toEqual(['now']);
    });

    test('are due at once when their moment has passed', async () => {
      const store = open();
      await append(store, event('past', { availableAt: new Date(0) }));
      expect(await readTypes(store.openReader())).toEqual(['past']);
    });

    test('are taken as soon as they are due, although they were looked for a moment ago', async () => {
      const store = open();
      await append(store, event('now'));
      const reader = store.openReader();
      expect(await readTypes(reader)).toEqual(['now']);
      await append(store, event('due', { delay: 0 }));
      expect(await readTypes(reader)).toEqual(['due']);
    });

    test('that are due are found by every other reader, too, as anything that was committed just now', async () => {
      const store = open();
      const other = store.openReader();
      await append(store, event('scheduled', { delay: 0 }));
      await append(store, event('now'));
      const first = store.openReader();
      expect([...(await readTypes(first)), ...(await readTypes(first))]).toEqual(['now', 'scheduled']);
      expect(await readTypes(other)).toEqual(['scheduled', 'now']);
    });

    test('are told of before they are due: how long it is to the next', async () => {
      const store = open();
      await append(store, event('b', { delay: '2h' }), event('a', { delay: '1h' }));
      const reader = store.openReader();
      expect(await readTypes(reader)).toEqual([]);
      expect(reader.nextDue).toBeGreaterThan(3_500_000);
      expect(reader.nextDue).toBeLessThanOrEqual(3_600_000);
    });

    test('are not told of when they are due and held up: nobody need ask again at once', async () => {
      const store = open();
      await append(store, event('failing', { key: 'k' }));
      await fail(store, store.openReader(), 'dead');
      await append(store, event('parked', { key: 'k', delay: 0 }), event('settled', { delay: 0 }));
      const reader = store.openReader();
      const due = await read(reader);
      expect(typesOf(due)).toEqual(['settled']);
      await settleAll(store, due);
      expect(await readTypes(reader)).toEqual([]);
      expect(reader.nextDue).toBeUndefined();
    });

    test('can be cancelled until they are due, in a transaction that can still roll back', async () => {
      const store = open();
      const scheduled = event('in.an.hour', { delay: '1h' });
      await append(store, scheduled);
      expect(await cancelled(store, scheduled.id, 'rollback')).toBe(true);
      expect(await cancelled(store, scheduled.id)).toBe(true);
      expect(await cancelled(store, scheduled.id)).toBe(false);
      expect(await rows()).toEqual([]);
    });

    test('cannot be cancelled once they are due, nor can any other', async () => {
      const store = open();
      const [due, ready, retried, dead] = [
        event('due', { delay: 0 }),
        event('ready'),
        event('retried'),
        event('dead'),
      ] as const;
      await append(store, due, ready);
      expect(await cancelled(store, due.id)).toBe(false);
      expect(await cancelled(store, ready.id)).toBe(false);
      await readTypes(store.openReader());
      expect(await cancelled(store, due.id)).toBe(false);
      await append(store, retried);
      await fail(store, store.openReader(), 'rescheduled', 3_600_000);
      await append(store, dead);
      await fail(store, store.openReader(), 'dead');
      expect(await cancelled(store, retried.id)).toBe(false);
      expect(await cancelled(store, dead.id)).toBe(false);
      expect(await cancelled(store, event('unknown').id)).toBe(false);
      expect(await rows()).toHaveLength(4);
    });

    async function cancelled(store: OutboxStore, id: string, end: 'commit' | 'rollback' = 'commit') {
      const runner = await begin();
      const result = await store.cancel(runner, id);
      await (end === 'commit' ? runner.commitTransaction() : runner.rollbackTransaction());
      await runner.release();
      return result;
    }
  });
}
