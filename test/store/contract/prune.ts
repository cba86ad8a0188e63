import { describe, expect, test } from '@jest/globals';
import { OutboxEventEntity } from 'nestjs-rabbitmq-outbox';
import type { NewEvent } from '../../../lib/event/envelope.js';
import type { OutboxStore } from '../../../lib/store/store.js';
import { type StoreContext } from './context.js';

export function pruneContract({
  fixture,
  open,
  event,
  append,
  numbered,
  read,
  rows,
  states,
  fail,
  settleAll,
}: StoreContext): void {
  describe('prune', () => {
    const publish = async (store: OutboxStore, events: NewEvent[]) => {
      await append(store, ...events);
      const reader = store.openReader();
      for (let found = await read(reader, 1_000); found.length > 0; found = await read(reader, 1_000)) {
        await settleAll(store, found);
      }
    };
    const pruneAll = async (store: OutboxStore, retention: number, limit: number) => {
      const pruned: number[] = [];
      for await (const count of store.prune(retention, limit)) pruned.push(count);
      return pruned;
    };
    const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);

    test('removes published events that outlived the retention, and no others', async () => {
      const store = open();
      const old = [event('old.1'), event('old.2')];
      await publish(store, [...old, event('young')]);
      await append(store, event('dead', { key: 'k' }), event('failing'), event('scheduled', { delay: '1h' }));
      const reader = store.openReader();
      await fail(store, reader, 'dead');
      await fail(store, reader, 'rescheduled', 3_600_000);
      await append(store, event('pending'));
      const kept = (await rows()).filter(({ type }) => type !== 'young').map(({ id }) => id);
      await fixture().age(kept, 10_000_000);
      expect(sum(await pruneAll(store, 5_000_000, 100))).toBe(2);
      expect(Object.keys(await states()).sort(byText)).toEqual([
        'dead',
        'failing',
        'pending',
        'scheduled',
        'young',
      ]);
    });

    test('takes no more than the limit in one step, however much there is', async () => {
      const store = open();
      const old = numbered(25);
      await publish(store, old);
      await fixture().age(
        old.map(({ id }) => id),
        10_000,
      );
      const steps = await pruneAll(store, 5_000, 10);
      expect(steps.every((count) => count <= 10)).toBe(true);
      expect(sum(steps)).toBe(25);
      expect(await rows()).toHaveLength(0);
    });

    test('is not held up by old events that were published a moment ago', async () => {
      const store = open();
      // Scheduled long before, published just now: their numbers are the lowest of all published ones.
      const late = numbered(30);
      await publish(store, late);
      await fixture().age(
        late.map(({ id }) => id),
        10_000,
      );
      await fixture()
        .dataSource.getRepository(OutboxEventEntity)
        .update({ state: 'published' }, { publishedAt: new Date(Date.now() + 60_000) });
      const expired = [event('expired.1'), event('expired.2')];
      await publish(store, expired);
      await fixture().age(
        expired.map(({ id }) => id),
        10_000,
      );
      expect(sum(await pruneAll(store, 5_000, 10))).toBe(2);
      expect(await rows()).toHaveLength(30);
    });

    test('goes on where it was left, and begins anew after its end', async () => {
      const store = open();
      await append(store, ...numbered(10));
      const expired = [event('expired.1'), event('expired.2')];
      const [pending, young] = [(await rows()).map(({ id }) => id), event('young')];
      const reader = store.openReader();
      await append(store, ...expired, young);
      const found = await read(reader);
      await settleAll(store, found.slice(10));
      await fixture().age([...pending, ...expired.map(({ id }) => id)], 10_000);
      const steps = async (most: number) => {
        let [taken, removed] = [0, 0];
        for await (const count of store.prune(5_000, 2)) {
          removed += count;
          if (++taken === most) break;
        }
        return removed;
      };
      expect(await steps(3)).toBe(0);
      expect(await steps(3)).toBe(2);
      await settleAll(store, found.slice(0, 10));
      await fixture().age(pending, 10_000);
      await steps(Number.POSITIVE_INFINITY);
      await steps(Number.POSITIVE_INFINITY);
      expect((await rows()).map(({ type }) => type)).toEqual(['young']);
    });

    test('does not wait for another that is at the same rows', async () => {
      const store = open();
      const other = open();
      const old = numbered(200);
      await publish(store, old);
      await fixture().age(
        old.map(({ id }) => id),
        10_000,
      );
      const pruned = await Promise.all([store, other].map((from) => pruneAll(from, 5_000, 20)));
      expect(sum(pruned.flat())).toBeLessThanOrEqual(200);
      await pruneAll(store, 5_000, 20);
      expect(await rows()).toHaveLength(0);
    });

    test('of an empty table removes nothing', async () => {
      expect(sum(await pruneAll(open(), 0, 10))).toBe(0);
    });
  });
}

const byText = (a: string, b: string) => a.localeCompare(b);
