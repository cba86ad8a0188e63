import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Live, type LiveEvent } from '../../sample-app/src/live/live.js';
import type { Snapshot, SnapshotReader } from '../../sample-app/src/live/snapshot.js';

const read = jest.fn<() => Promise<Snapshot>>();
const live = () => new Live({ read } as unknown as SnapshotReader);
const snapshot = (fails: boolean) => ({ warehouse: { fails } }) as Snapshot;

beforeEach(() => {
  jest.useFakeTimers();
  read.mockReset().mockResolvedValue(snapshot(false));
});

afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

function watch(source: Live): { seen: LiveEvent[]; leave: () => void } {
  const seen: LiveEvent[] = [];
  const subscription = source.events.subscribe((event) => seen.push(event));
  return { seen, leave: () => subscription.unsubscribe() };
}

test('reads the database once for everyone who watches', async () => {
  const shared = live();
  const [first, second] = [watch(shared), watch(shared)];
  await jest.advanceTimersByTimeAsync(0);
  expect(read).toHaveBeenCalledTimes(1);
  expect(second.seen).toEqual(first.seen);
});

test('tells whoever comes later what is, at once', async () => {
  const shared = live();
  watch(shared);
  await jest.advanceTimersByTimeAsync(0);
  expect(watch(shared).seen).toHaveLength(1);
});

test('says something only when something has changed', async () => {
  const { seen } = watch(live());
  await jest.advanceTimersByTimeAsync(1000);
  expect(seen).toHaveLength(1);
  read.mockResolvedValue(snapshot(true));
  await jest.advanceTimersByTimeAsync(200);
  expect(seen).toHaveLength(2);
});

test('looks at once when nudged', async () => {
  const shared = live();
  const { seen } = watch(shared);
  await jest.advanceTimersByTimeAsync(0);
  read.mockResolvedValue(snapshot(true));
  shared.nudge();
  await jest.advanceTimersByTimeAsync(0);
  expect(seen).toHaveLength(2);
});

test('leaves the database alone when nobody watches any more', async () => {
  const { leave } = watch(live());
  await jest.advanceTimersByTimeAsync(0);
  leave();
  await jest.advanceTimersByTimeAsync(10_000);
  expect(read).toHaveBeenCalledTimes(1);
});

test('tells of a database that does not answer once, and goes on when it is back', async () => {
  jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => {});
  read.mockRejectedValue(new Error('connection refused'));
  const { seen } = watch(live());
  await jest.advanceTimersByTimeAsync(1000);
  expect(seen).toEqual([{ type: 'trouble', data: 'The database does not answer: connection refused' }]);
  read.mockResolvedValue(snapshot(false));
  await jest.advanceTimersByTimeAsync(200);
  expect(seen.at(-1)?.type).toBe('snapshot');
});
