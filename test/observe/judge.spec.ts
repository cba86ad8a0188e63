import { describe, expect, test } from '@jest/globals';
import { judge, type Observation } from '../../lib/observe/health/judge.js';
import type { RelayStats } from '../../lib/relay/relay-stats.js';

const stats = (values: Partial<RelayStats> = {}): Observation['stats'] => ({
  value: { lag: 0, dead: 0, countedUpTo: 10_000, readOnly: false, ...values } as RelayStats,
});
const WELL: Observation = {
  stats: stats(),
  links: { publisher: 'connected', consumer: 'connected' },
  consumers: [{ queue: 'shop.a', consuming: true, paused: false }],
};
const judged = (seen: Partial<Observation> = {}) =>
  judge({ ...WELL, ...seen }, { maxLag: 60_000, maxDead: 2 });

describe('the health of an outbox', () => {
  test('is up when all is well, at the thresholds too', () => {
    expect(judged({ stats: stats({ lag: 60_000, dead: 2 }) })).toEqual({
      status: 'up',
      reasons: [],
      database: 'up',
      broker: { publisher: 'connected', consumer: 'connected' },
      lag: 60_000,
      dead: 2,
    });
  });

  test('is down when the database is read-only, as after a failover', () => {
    expect(judged({ stats: stats({ readOnly: true }) })).toMatchObject({
      status: 'down',
      reasons: ['the database is read-only: nothing can be emitted'],
      database: 'down',
    });
  });

  test('is up when a queue is not consumed because somebody has paused it', () => {
    const consumers = [{ queue: 'shop.a', consuming: false, paused: true }];
    expect(judged({ consumers }).status).toBe('up');
  });

  test.each<[string, Partial<Observation>, string]>([
    [
      'the broker is away',
      { links: { publisher: 'disconnected', consumer: 'connected' } },
      'the broker cannot be reached (publisher)',
    ],
    [
      'the broker blocks us',
      { links: { publisher: 'blocked', consumer: 'connected' } },
      'the broker has blocked us (publisher)',
    ],
    [
      'queues are not consumed',
      { consumers: [{ queue: 'shop.a', consuming: false, paused: false }, ...WELL.consumers] },
      'not consuming shop.a',
    ],
    ['an event waits too long', { stats: stats({ lag: 60_001 }) }, 'waiting for 60001 ms, more than 1m'],
    ['too many are dead', { stats: stats({ dead: 3 }) }, '3 events are dead, more than 2'],
    ['more are dead than are counted', { stats: stats({ dead: 10_000 }) }, '10000 or more events are dead'],
  ])('is degraded when %s', (_, seen, reason) => {
    const { status, reasons } = judged(seen);
    expect(status).toBe('degraded');
    expect(reasons).toEqual([expect.stringContaining(reason)]);
  });

  test('is down when the database does not answer, whatever else there is', () => {
    const error = new Error('connection refused');
    expect(judged({ stats: { error }, links: { publisher: 'disconnected', consumer: 'unused' } })).toEqual({
      status: 'down',
      reasons: [
        'the database does not answer: connection refused',
        'the broker cannot be reached (publisher)',
      ],
      database: 'down',
      broker: { publisher: 'disconnected' },
    });
  });

  test('says nothing of connections that the process has no need of', () => {
    expect(judged({ links: { publisher: 'unused', consumer: 'unused' }, consumers: [] })).toMatchObject({
      status: 'up',
      broker: {},
    });
  });
});
