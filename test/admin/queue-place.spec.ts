import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { criteriaOf } from '../../lib/admin/dead-letters/criteria.js';
import { DeadLetterReader } from '../../lib/admin/dead-letters/dead-letter-reader.js';
import type { DeadLetterFilter } from '../../lib/admin/dead-letters/dead-letter-filter.js';
import { QueuePlace } from '../../lib/admin/dead-letters/queue-place.js';
import { Sweep, type SweepOptions } from '../../lib/admin/dead-letters/sweep.js';
import { Throttle } from '../../lib/admin/dead-letters/throttle.js';
import type { DeadLetterQueues, QueuedDeadLetter } from '../../lib/broker/dead-letters.js';
import type { MessageReader } from '../../lib/consume/payload/message-reader.js';

const WHERE = 'shop.Ledger.book';

beforeEach(() => void jest.useFakeTimers({ advanceTimers: true }));
afterEach(() => void jest.useRealTimers());

const letter = (id: string): QueuedDeadLetter =>
  ({
    message: { id, type: 'booked', headers: {}, body: '' },
    attempts: 1,
    errors: [],
  }) as unknown as QueuedDeadLetter;

const reader = new DeadLetterReader({
  open: (message: unknown) => ({ message, payload: () => undefined }),
} as unknown as MessageReader);

/** A dead-letter queue, and the dead events that keys wait for. */
function stage(
  ids: readonly string[],
  { pace = 0, dead = ids, there = true }: { pace?: number; dead?: readonly string[]; there?: boolean } = {},
) {
  const queue = ids.map(letter);
  const waitedFor = new Set(dead);
  const told = { holds: 0, walked: 0 };
  const events: { beforeNext?: (nth: number) => void; removed?: (id: string) => void } = {};
  const queues: Partial<DeadLetterQueues> = {
    unclaimed: 'events.unclaimed',
    count: () => Promise.resolve(there ? queue.length : undefined),
    hold: () => {
      if (!there) return Promise.resolve(undefined);
      told.holds++;
      let [at, nth] = [0, 0];
      return Promise.resolve({
        next: (limit) => {
          events.beforeNext?.(++nth);
          const window = queue.slice(at, at + Math.min(limit, 1_000));
          at += window.length;
          told.walked += window.length;
          jest.advanceTimersByTime(window.length * pace);
          return Promise.resolve(window);
        },
        requeue: (letters) => Promise.resolve(letters.map(() => undefined)),
        remove: (letters) => {
          for (const each of letters) {
            queue.splice(queue.indexOf(each), 1);
            at--;
            events.removed?.(each.message.id);
          }
          return Promise.resolve();
        },
        release: () => Promise.resolve(),
      });
    },
    remind: () => Promise.resolve(),
  };
  const parking = {
    dead: () => Promise.resolve([...waitedFor]),
    skipEvents: (_: string, skipped: readonly string[]) =>
      Promise.resolve(skipped.filter((id) => waitedFor.delete(id)).map((key) => ({ consumer: WHERE, key }))),
  };
  const place = new QueuePlace(WHERE, queues as DeadLetterQueues, parking, reader);
  const purge = async (filter: DeadLetterFilter = {}, options: SweepOptions = {}) => {
    const purged: string[] = [];
    const sweep = new Sweep('purge', new Throttle(1_000), options, (done) => purged.push(...done.ids));
    await place.sweep(criteriaOf(filter), sweep);
    return purged;
  };
  const rest = () => queue.map(({ message }) => message.id);
  return { place, told, events, queue, waitedFor, purge, rest };
}

test('finds what is asked for in one walk, however long it takes', async () => {
  const ids = Array.from({ length: 20_000 }, (_, index) => `m${index}`);
  const { place, told } = stage(ids, { pace: 1 });
  const found = await place.find(criteriaOf({ ids: ['m3', 'm19999'] }));
  expect(found.map(({ id }) => id)).toEqual(['m3', 'm19999']);
  expect(told).toMatchObject({ holds: 1, walked: 20_000 });
});

test('is ended on its walk by a signal', async () => {
  const ids = Array.from({ length: 5_000 }, (_, index) => `m${index}`);
  const { place, told } = stage(ids);
  const stopping = new AbortController();
  const nothing = criteriaOf({ ids: ['nothing'] });
  stopping.abort(new Error('ended'));
  await expect(place.find(nothing, stopping.signal)).rejects.toThrow('ended');
  await expect(place.count(nothing, stopping.signal)).rejects.toThrow('ended');
  await expect(place.list(nothing, undefined, 10, stopping.signal)).rejects.toThrow('ended');
  expect(told.walked).toBe(0);
});

test('a purge of all leaves what dies during it, and its key waiting', async () => {
  const { events, queue, waitedFor, purge, rest } = stage(['a', 'b']);
  events.beforeNext = (nth) => {
    if (nth > 1) return;
    queue.push(letter('late'));
    waitedFor.add('late');
  };
  expect(await purge()).toEqual(['a', 'b']);
  expect([rest(), [...waitedFor]]).toEqual([['late'], ['late']]);
});

test('a purge lets keys go on before it deletes what they wait for', async () => {
  const { events, waitedFor, purge } = stage(['a', 'b']);
  events.removed = (id) => expect([...waitedFor]).not.toContain(id);
  expect(await purge({ ids: ['a'] })).toEqual(['a']);
  expect([...waitedFor]).toEqual(['b']);
});

test('a key that waits only after the dead letter was there goes on, too', async () => {
  const { events, waitedFor, purge } = stage(['a', 'b'], { dead: ['a'] });
  events.removed = (id) => id === 'b' && waitedFor.add('b');
  expect(await purge()).toEqual(['a', 'b']);
  expect([...waitedFor]).toEqual([]);
});

test.each([
  ['the queue is empty', { ids: [], there: true }],
  ['there is no queue', { ids: [], there: false }],
  ['some are there', { ids: ['c'], there: true }],
])('a purge of all lets keys go on whose dead letters are gone, where %s', async (_, { ids, there }) => {
  const { waitedFor, purge, rest } = stage(ids, { dead: ['a', 'b', ...ids], there });
  expect(await purge()).toEqual(ids);
  expect([rest(), [...waitedFor]]).toEqual([[], []]);
});

test('a purge of some does so for none but those', async () => {
  const { waitedFor, purge } = stage(['a', 'b'], { dead: ['gone', 'a', 'b'] });
  await purge({ ids: ['b'] });
  expect([...waitedFor]).toEqual(['gone', 'a']);
});

test('a dead letter that RabbitMQ gives back a moment late is not taken for gone', async () => {
  const { events, queue, waitedFor, purge } = stage([], { dead: ['a', 'gone'] });
  events.beforeNext = (nth) => void (nth === 2 && queue.push(letter('a')));
  await purge();
  expect([...waitedFor]).toEqual(['a']);
});

test('a purge that is ended lets no key go on whose dead letter it has not come to', async () => {
  const ids = Array.from({ length: 2_500 }, (_, index) => `m${index}`);
  const { events, waitedFor, purge, rest } = stage(ids);
  const stopping = new AbortController();
  events.removed = () => stopping.abort();
  expect(await purge({}, { signal: stopping.signal })).toHaveLength(1_000);
  expect([...waitedFor]).toEqual(rest());
});

test('a purge of at most so many takes the oldest that are wanted, and leaves the keys of the others', async () => {
  const ids = Array.from({ length: 1_500 }, (_, index) => `m${index}`);
  const { waitedFor, purge, rest } = stage(ids, { dead: ['gone', ...ids] });
  expect(await purge({ ids: ids.slice(1) }, { atMost: { [WHERE]: 2 } })).toEqual(['m1', 'm2']);
  expect(await purge({}, { atMost: { elsewhere: 3 } })).toEqual([]);
  expect(await purge({}, { atMost: { [WHERE]: 1_100 } })).toHaveLength(1_100);
  expect(rest()).toEqual(ids.slice(1_102));
  expect([...waitedFor]).toEqual(rest());
});
