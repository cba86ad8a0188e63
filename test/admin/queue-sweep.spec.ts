import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { sweepQueue, type QueueToSweep } from '../../lib/admin/dead-letters/queue-sweep.js';
import { Sweep, type SweepAction, type SweepReport } from '../../lib/admin/dead-letters/sweep.js';
import { Throttle } from '../../lib/admin/dead-letters/throttle.js';
import type { DeadLetterHold, QueuedDeadLetter } from '../../lib/broker/dead-letters.js';
import { BrokerUnavailableError } from '../../lib/errors/broker-unavailable.error.js';
import { HandlerQueueMissingError } from '../../lib/errors/handler-queue-missing.error.js';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const letter = (id: string): QueuedDeadLetter =>
  ({ message: { id }, attempts: 1, errors: [] }) as unknown as QueuedDeadLetter;

const letters = (count: number, name = 'm') =>
  Array.from({ length: count }, (_, index) => letter(`${name}${index}`));
const passing = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms));

interface Scene {
  readonly queue: QueuedDeadLetter[];
  readonly wants?: (id: string) => boolean;
  readonly action?: SweepAction;
  readonly rate?: number;
  readonly oneHome?: boolean;
  /** Milliseconds that it takes to look at one. */
  readonly pace?: number;
  readonly problemOf?: (id: string) => Error | undefined;
  readonly beforeHold?: (number: number) => void;
  readonly signal?: AbortSignal;
}

/** Sweeps a queue that is held for as long as it takes to look at what is on it, and no longer. */
async function swept({
  queue,
  wants = () => true,
  action = 'requeue',
  rate = 1_000_000,
  oneHome = true,
  pace = 0,
  problemOf = () => undefined,
  beforeHold = () => undefined,
  signal,
}: Scene) {
  const done: string[] = [];
  const holds: number[] = [];
  const remove = (gone: readonly QueuedDeadLetter[]) => {
    for (const each of gone) queue.splice(queue.indexOf(each), 1);
    done.push(...gone.map(({ message }) => message.id));
  };
  const holdOf = (): DeadLetterHold => {
    const ahead = [...queue];
    return {
      next: async (limit) => {
        const window = ahead.splice(0, limit);
        await passing(window.length * pace);
        return window;
      },
      requeue: (wanted) => {
        const errors = wanted.map(({ message }) => problemOf(message.id));
        remove(wanted.filter((_, index) => !errors[index]));
        return Promise.resolve(errors);
      },
      remove: (gone) => Promise.resolve(remove(gone)),
      release: () => Promise.resolve(),
    };
  };
  const holding = async <T>(work: (hold: DeadLetterHold) => Promise<T>) => {
    beforeHold(holds.length + 1);
    if (queue.length === 0) return undefined;
    const before = performance.now();
    const result = await work(holdOf());
    holds.push(performance.now() - before);
    return result;
  };
  const toSweep: QueueToSweep = {
    where: 'shop.Invoicing.invoice',
    oneHome,
    count: () => Promise.resolve(queue.length),
    wants: ({ message }) => wants(message.id),
    keys: {
      met: () => undefined,
      giveUp: () => Promise.resolve(),
      afterwards: () => Promise.resolve(),
    },
  };
  const sweep = new Sweep(action, new Throttle(rate), { signal }, () => undefined);
  const state: { report?: SweepReport } = {};
  const ended = sweepQueue(holding, toSweep, sweep).then(() => (state.report = sweep.report(false)));
  for (let step = 0; !state.report && step < 50_000; step++) await jest.advanceTimersByTimeAsync(50);
  return { report: await ended, done, holds };
}

test('goes on behind what was left at the front, however long it takes to walk there', async () => {
  // A stretch takes three windows, of a second each; what is wanted comes behind nine of them.
  const queue = [...letters(9_000), letter('wanted')];
  const { report, done, holds } = await swept({ queue, wants: (id) => id === 'wanted', pace: 1 });
  expect(done).toEqual(['wanted']);
  expect(report).toMatchObject({ done: 1, untried: 0, problems: [] });
  expect(holds.length).toBeGreaterThan(1);
});

test('treats each letter once, in order, over many stretches', async () => {
  const queue = letters(10_000);
  const seen: string[] = [];
  const wants = (id: string) => seen.push(id) > 0 && id.endsWith('7');
  const { report, done } = await swept({ queue, wants, pace: 1 });
  expect(seen).toEqual(letters(10_000).map(({ message }) => message.id));
  expect(done).toEqual(seen.filter((id) => id.endsWith('7')));
  expect(report.done).toBe(1_000);
});

test.each([0.5, 5, 20, 100])(
  'holds the queue for three seconds at the most at a rate of %p, and keeps to the rate',
  async (rate) => {
    const count = Math.ceil(rate * 12);
    const before = performance.now();
    const { report, holds } = await swept({ queue: letters(count), rate });
    expect(report).toMatchObject({ done: count, problems: [] });
    expect(Math.max(...holds)).toBeLessThanOrEqual(3_100);
    expect(performance.now() - before).toBeGreaterThanOrEqual(10_000);
  },
);

test.each([1, 1_000])('tries each of those whose homes are their own, at a rate of %p', async (rate) => {
  const queue = [...letters(20, 'homeless'), ...letters(3)];
  const problemOf = (id: string) =>
    id.startsWith('homeless') ? new HandlerQueueMissingError('shop.Gone.handle') : undefined;
  const { report, done } = await swept({ queue, rate, oneHome: false, problemOf });
  expect(done).toEqual(['m0', 'm1', 'm2']);
  expect(report).toMatchObject({ done: 3, failed: 20, untried: 0 });
});

test.each([1, 50])('goes on behind one that is refused, at a rate of %p', async (rate) => {
  const problemOf = (id: string) => (id === 'm0' ? new Error('refused') : undefined);
  const { report, done } = await swept({ queue: letters(8), rate, problemOf });
  expect(done).toHaveLength(7);
  expect(report).toMatchObject({ done: 7, failed: 1, untried: 0 });
});

test.each([
  ['the queue of their handler is missing', new HandlerQueueMissingError('shop.Invoicing.invoice'), true],
  ['the broker is unavailable', new BrokerUnavailableError('away'), false],
])('stops when %s, and says how many were not tried', async (_, error, oneHome) => {
  const { report } = await swept({ queue: letters(500), rate: 1_000, oneHome, problemOf: () => error });
  expect(report).toMatchObject({ done: 0, failed: 100, untried: 400 });
  expect(report.problems).toEqual([expect.objectContaining({ code: error.code })]);
});

test('says so when the queue goes away before all of it was looked at', async () => {
  const queue = letters(10_000);
  const beforeHold = (number: number) => void (number === 2 && queue.splice(0));
  const { report } = await swept({ queue, wants: () => false, pace: 1, beforeHold });
  expect(report).toMatchObject({ done: 0, failed: 0, untried: 7_000 });
  expect(report.problems).toEqual([expect.objectContaining({ error: expect.stringContaining('went away') })]);
});

test('is over where others have taken what was there', async () => {
  const queue = letters(5_000);
  const beforeHold = (number: number) => void (number === 2 && queue.splice(3_100));
  const { report } = await swept({ queue, wants: () => false, pace: 1, beforeHold });
  expect(report).toMatchObject({ untried: 0, problems: [] });
});

test('leaves alone what dies meanwhile', async () => {
  const queue = letters(4_000);
  const beforeHold = (number: number) => void (number === 2 && queue.push(...letters(10, 'late')));
  const { report, done } = await swept({ queue, pace: 1, beforeHold, action: 'purge' });
  expect(done).toHaveLength(4_000);
  expect([report.done, queue.length]).toEqual([4_000, 10]);
});

test('counts what it did not come to when it is ended', async () => {
  const stopping = new AbortController();
  const beforeHold = (number: number) => void (number === 2 && stopping.abort());
  const { report, done } = await swept({
    queue: letters(5_000),
    pace: 1,
    beforeHold,
    signal: stopping.signal,
  });
  expect(report).toMatchObject({ cancelled: true, done: done.length, untried: 5_000 - done.length });
});
