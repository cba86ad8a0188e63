import { expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { listQueue } from '../../lib/admin/dead-letters/queue-list.js';
import { QueuePosition } from '../../lib/admin/dead-letters/queue-position.js';
import type { DeadLetterHold, QueuedDeadLetter } from '../../lib/broker/dead-letters.js';

const letter = (id: string, died = 1): QueuedDeadLetter =>
  ({
    message: { id },
    attempts: died,
    errors: [{ attempt: died, at: `2026-03-01T00:00:${String(died).padStart(2, '0')}.000Z`, error: 'no' }],
  }) as unknown as QueuedDeadLetter;

/** A queue, looked at from the front in windows of at most `most`. */
const holdOf = (queue: readonly QueuedDeadLetter[], most = 3): DeadLetterHold => {
  let at = 0;
  return {
    next: (limit: number) => {
      const page = queue.slice(at, at + Math.min(limit, most));
      at += page.length;
      return Promise.resolve(page);
    },
  } as DeadLetterHold;
};
const pick = ({ message }: QueuedDeadLetter) => message.id;
const page = async (
  queue: readonly QueuedDeadLetter[],
  position: string | undefined,
  limit = 3,
  choose = pick,
) => {
  const { found, next } = await listQueue(
    holdOf(queue),
    QueuePosition.of(position),
    limit,
    choose as typeof pick,
  );
  return { found, next: next?.toString() };
};
const letters = (...ids: string[]) => ids.map((id) => letter(id));

test('a queue at rest is shown once, page by page, in order', async () => {
  const queue = letters('a', 'b', 'c', 'd', 'e', 'f', 'g');
  const shown: string[][] = [];
  for (let position: string | undefined; ;) {
    const { found, next } = await page(queue, position);
    shown.push([...found]);
    position = next;
    if (next === undefined) break;
  }
  expect(shown).toEqual([['a', 'b', 'c'], ['d', 'e', 'f'], ['g']]);
});

test('a page that fills up at the end of the queue is the last', async () => {
  expect(await page(letters('a', 'b', 'c'), undefined)).toEqual({ found: ['a', 'b', 'c'], next: undefined });
});

test('what was requeued or purged ahead of a page shifts nothing out of sight', async () => {
  const { next } = await page(letters('a', 'b', 'c', 'd', 'e', 'f'), undefined);
  expect((await page(letters('b', 'd', 'e', 'f'), next)).found).toEqual(['d', 'e', 'f']);
  expect((await page(letters('c', 'd', 'e', 'f'), next)).found).toEqual(['d', 'e', 'f']);
  expect((await page(letters('d', 'e', 'f'), next)).found).toEqual(['d', 'e', 'f']);
});

test('one that was shown, requeued, and died again at the end does not hide what is before it', async () => {
  const { next } = await page(letters('a', 'b', 'c', 'd'), undefined);
  expect((await page([...letters('d'), letter('a', 2), letter('b', 2)], next)).found).toEqual([
    'd',
    'a',
    'b',
  ]);
});

test('what is not asked for is passed over, however much there is of it', async () => {
  const queue = Array.from({ length: 40 }, (_, index) => letter(`m${index}`));
  const even = ({ message }: QueuedDeadLetter) =>
    Number(message.id.slice(1)) % 10 === 0 ? message.id : (undefined as unknown as string);
  const first = await page(queue, undefined, 3, even);
  expect(first.found).toEqual(['m0', 'm10', 'm20']);
  expect((await page(queue, first.next, 3, even)).found).toEqual(['m30']);
});

test('each page goes on for its time behind where the last one ended, however long the walk there takes', async () => {
  jest.useFakeTimers();
  try {
    const queue = Array.from({ length: 10_000 }, (_, index) => letter(`m${index}`));
    let walked = 0;
    const hold = () => {
      const quick = holdOf(queue, 1_000);
      // A second for each window.
      const next = (limit: number) => {
        jest.advanceTimersByTime(1_000);
        walked++;
        return quick.next(limit);
      };
      return { next } as DeadLetterHold;
    };
    let pages = 0;
    for (let position: QueuePosition | undefined = QueuePosition.start; position; pages++)
      position = (await listQueue(hold(), position, 3, () => undefined)).next;
    // The first window of a list is one of four; each page looks at two to three windows that are new.
    expect(pages).toBeLessThanOrEqual(5);
    expect(walked).toBeLessThanOrEqual(3 * (1 + 2 + 3 + 4));
  } finally {
    jest.useRealTimers();
  }
});

test.each(['', 'x', '1', '1 a', 'no numbers here'])('%p is no position', (text) => {
  expect(() => QueuePosition.of(text)).toThrow('cursor');
});

test('whatever others requeue, purge or add meanwhile: what is there all the time is shown', async () => {
  const change = fc.record({
    remove: fc.array(fc.nat({ max: 30 }), { maxLength: 8 }),
    dieAgain: fc.boolean(),
    add: fc.nat({ max: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 25 }),
      fc.integer({ min: 1, max: 6 }),
      fc.array(change, { minLength: 1, maxLength: 5 }),
      async (size, limit, changes) => {
        let queue = Array.from({ length: size }, (_, index) => letter(`m${index}`));
        const always = new Set(queue.map(pick));
        const shown = new Set<string>();
        let position: string | undefined;
        for (let round = 0; round < 60; round++) {
          const { found, next } = await page(queue, position, limit);
          for (const id of found) shown.add(id);
          position = next;
          if (next === undefined) break;
          const { remove, dieAgain, add } = changes[round] ?? { remove: [], dieAgain: false, add: 0 };
          const gone = queue.filter((_, index) => remove.includes(index));
          for (const each of gone) always.delete(each.message.id);
          queue = queue.filter((each) => !gone.includes(each));
          if (dieAgain) queue.push(...gone.map(({ message }) => letter(message.id, round + 2)));
          for (let index = 0; index < add; index++) queue.push(letter(`late${round}.${index}`));
        }
        expect(position).toBeUndefined();
        expect([...always].filter((id) => !shown.has(id))).toEqual([]);
      },
    ),
    { numRuns: 300 },
  );
});
