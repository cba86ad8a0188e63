import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { criteriaOf } from '../../lib/admin/dead-letters/criteria.js';
import { DeadLetterReader } from '../../lib/admin/dead-letters/dead-letter-reader.js';
import { QueuePlace } from '../../lib/admin/dead-letters/queue-place.js';
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

/** A dead-letter queue and the keys that wait for what is on it, with an event as the name of its key. */
function stage(ids: readonly string[], { pace = 0 } = {}) {
  const queue = ids.map(letter);
  const told = { holds: 0, walked: 0, holding: false };
  const queues: Partial<DeadLetterQueues> = {
    unclaimed: 'events.unclaimed',
    // What is held is not counted.
    count: () => Promise.resolve(queue.length),
    hold: () => {
      told.holds++;
      const ahead = [...queue];
      return Promise.resolve({
        next: (limit) => {
          const window = ahead.splice(0, Math.min(limit, 1_000));
          told.walked += window.length;
          jest.advanceTimersByTime(window.length * pace);
          return Promise.resolve(window);
        },
        requeue: (letters) => Promise.resolve(letters.map(() => undefined)),
        remove: (letters) => {
          for (const each of letters) queue.splice(queue.indexOf(each), 1);
          return Promise.resolve();
        },
        release: () => Promise.resolve(),
      });
    },
    remind: () => Promise.resolve(),
  };
  const parking = { dead: () => Promise.resolve([]), skipEvents: () => Promise.resolve([]) };
  return { place: new QueuePlace(WHERE, queues as DeadLetterQueues, parking, reader), told };
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
