import { expect, test } from '@jest/globals';
import { Entry } from '../../lib/relay/entry.js';
import { KeyQueues } from '../../lib/relay/key-queues.js';
import type { PendingEvent } from '../../lib/store/store.js';

const entry = (seq: number, hasFailed = false) =>
  new Entry({ seq, hasFailed, key: 'k', slot: 0, attempts: 0 } as PendingEvent);

const offerAll = (queues: KeyQueues, ...entries: Entry[]) =>
  entries.map((each) => queues.offer('k', each, () => undefined));

test('a queue that is given up tells from where the key has to be read again', () => {
  const queues = new KeyQueues();
  const [failed, next] = [entry(5, true), entry(6)];
  offerAll(queues, failed);
  queues.passed('k', failed);
  expect(queues.wanted).toEqual({ key: 'k', after: 0, limit: 64 });
  queues.filled('k', [next], 6);
  expect(queues.drop('k')).toEqual({ waited: [], more: 6 });
  offerAll(queues, failed);
  expect(queues.drop('k')).toEqual({ waited: [], more: 0 });
  expect(queues.floor).toBe(Number.POSITIVE_INFINITY);
});

test('nothing more of a key is asked for as long as one of its events in memory has failed before', () => {
  const queues = new KeyQueues();
  const [first, failed] = [entry(1), entry(2, true)];
  expect(offerAll(queues, first, failed, entry(3))).toEqual(['now', 'later', 'never']);
  expect(queues.wanted).toBeUndefined();
  expect(queues.passed('k', first)).toBe(failed);
  expect(queues.wanted).toBeUndefined();
  expect(queues.passed('k', failed)).toBeUndefined();
  expect(queues.wanted).toMatchObject({ after: 0 });
});
