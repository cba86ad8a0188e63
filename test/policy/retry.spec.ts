import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ladderDelay, nextDelay, possibleDelays, refusesRetry } from '../../lib/policy/retry.js';

const DAY = 86_400_000;

describe('ladderDelay', () => {
  test.each([
    [0, 100],
    [1, 100],
    [100, 100],
    [101, 200],
    [1_000, 1_000],
    [1_001, 2_000],
    [4_000, 5_000],
    [45_000, 60_000],
    [300_000, 300_000],
    [40 * 60_000, 3_600_000],
    [13 * 3_600_000, DAY],
    [30 * DAY, 30 * DAY],
    [30 * DAY + 1, 31 * DAY],
  ])('rounds %p ms up to %p', (ms, step) => {
    expect(ladderDelay(ms)).toBe(step);
  });

  test('never waits less than asked, and a step stays what it is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 * DAY }), (ms) => {
        const step = ladderDelay(ms);
        return step >= ms && ladderDelay(step) === step;
      }),
    );
  });

  test('has few steps: all delays up to an hour share twenty queues', () => {
    const steps = new Set(Array.from({ length: 3_600 }, (_, second) => ladderDelay((second + 1) * 1_000)));
    expect(steps.size).toBeLessThanOrEqual(20);
  });
});

describe('nextDelay', () => {
  test('is the delay after that attempt, and nothing when they are used up', () => {
    const policy = { delays: [1_000, 10_000] };
    expect([1, 2, 3].map((attempt) => nextDelay(policy, attempt))).toEqual([1_000, 10_000, undefined]);
    expect(nextDelay({ delays: [] }, 1)).toBeUndefined();
  });

  test.each([
    ['equal', 0, 5_000],
    ['equal', 0.4, 5_000],
    ['equal', 0.6, 10_000],
    ['equal', 1, 10_000],
    ['full', 0, 100],
    ['full', 0.24, 2_000],
    ['full', 0.26, 3_000],
    ['full', 1, 10_000],
  ] as const)(
    'with %s jitter and chance %d it is %d ms of ten seconds, a step of the ladder',
    (jitter, chance, expected) => {
      expect(nextDelay({ delays: [10_000], jitter }, 1, () => chance)).toBe(expected);
    },
  );

  test.each(['none', 'equal', 'full'] as const)(
    'asks for no other delays than the possible ones: %s',
    (jitter) => {
      fc.assert(
        fc.property(
          fc.array(fc.integer({ min: 0, max: 3_600_000 }), { minLength: 1, maxLength: 5 }),
          fc.double({ min: 0, max: 1, noNaN: true }),
          (waits, chance) => {
            const policy = { delays: waits.map(ladderDelay), jitter };
            const possible = possibleDelays(policy);
            for (const attempt of waits.keys())
              expect(possible).toContain(nextDelay(policy, attempt + 1, () => chance));
          },
        ),
      );
    },
  );
});

describe('possibleDelays', () => {
  test('are the delays, each once, and with jitter the steps of the ladder that chance may take', () => {
    const delays = [1_000, 10_000, 1_000];
    expect(possibleDelays({ delays })).toEqual([1_000, 10_000]);
    expect(possibleDelays({ delays, jitter: 'equal' })).toEqual([500, 1_000, 5_000, 10_000]);
    expect(possibleDelays({ delays: [1_000], jitter: 'full' })).toEqual([100, 200, 500, 1_000]);
  });
});

describe('refusesRetry', () => {
  test('asks retryIf, and a policy without one refuses nothing', () => {
    const policy = { delays: [], retryIf: (error: unknown) => !(error instanceof TypeError) };
    expect(refusesRetry(policy, new TypeError())).toBe(true);
    expect(refusesRetry(policy, new Error())).toBe(false);
    expect(refusesRetry({ delays: [] }, new Error())).toBe(false);
  });

  test('takes a retryIf that throws, or gives no answer, for a yes to retrying', () => {
    const throwing = () => {
      throw new Error('bug in retryIf');
    };
    expect(refusesRetry({ delays: [], retryIf: throwing }, new Error())).toBe(false);
    expect(refusesRetry({ delays: [], retryIf: (() => undefined) as never }, new Error())).toBe(false);
  });
});
