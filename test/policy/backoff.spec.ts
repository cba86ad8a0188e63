import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { backoffDelay, type Backoff } from '../../lib/policy/backoff.js';

const RELAY: Backoff = { delay: 1_000, factor: 2, maxDelay: 300_000, jitter: 'none' };

const backoffs = fc.record({
  delay: fc.integer({ min: 1, max: 60_000 }),
  factor: fc.double({ min: 1, max: 10, noNaN: true }),
  maxDelay: fc.integer({ min: 60_000, max: 86_400_000 }),
  jitter: fc.constantFrom('none', 'equal', 'full'),
} as const);
const attempts = fc.integer({ min: 1, max: 1_000 });
const chance = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

describe('backoffDelay', () => {
  test('without jitter it multiplies by the factor until the cap', () => {
    const delays = Array.from({ length: 11 }, (_, index) => backoffDelay(RELAY, index + 1));
    expect(delays).toEqual([
      ...[1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000],
      ...[300_000, 300_000],
    ]);
  });

  test('factor 1 waits the same every time', () => {
    expect(backoffDelay({ ...RELAY, factor: 1 }, 50)).toBe(1_000);
  });

  test.each([
    ['none', 16_000, 16_000],
    ['equal', 8_000, 16_000],
    ['full', 0, 16_000],
  ] as const)('with jitter %p the fifth wait lies between %p and %p ms', (jitter, least, most) => {
    const backoff = { ...RELAY, jitter };
    expect(backoffDelay(backoff, 5, () => 0)).toBe(least);
    expect(backoffDelay(backoff, 5, () => 1)).toBe(most);
  });

  test('never waits longer than the cap, nor less than its jitter allows, for any attempt', () => {
    fc.assert(
      fc.property(backoffs, attempts, chance, (backoff, attempt, random) => {
        const full = backoffDelay({ ...backoff, jitter: 'none' }, attempt);
        const delay = backoffDelay(backoff, attempt, () => random);
        const least = { none: full, equal: Math.floor(full / 2), full: 0 }[backoff.jitter];
        return Number.isInteger(delay) && delay >= least && delay <= full && full <= backoff.maxDelay;
      }),
    );
  });

  test('grows, or stays, from attempt to attempt', () => {
    fc.assert(
      fc.property(backoffs, attempts, (backoff, attempt) => {
        const steady = { ...backoff, jitter: 'none' } as const;
        return backoffDelay(steady, attempt) <= backoffDelay(steady, attempt + 1);
      }),
    );
  });
});
