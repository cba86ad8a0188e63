import { describe, expect, test } from '@jest/globals';
import { Rates } from '../../lib/relay/rates.js';
import { NOTHING, type RelayCounts } from '../../lib/relay/relay-stats.js';

/** A relay that publishes, fails and waits by the clock of a test. */
function setUp() {
  let now = 5_000;
  let counts: RelayCounts = NOTHING;
  const rates = new Rates(() => now);
  const settle = (published: number, failed = 0) => {
    counts = { ...counts, published: counts.published + published, dead: counts.dead + failed };
    rates.grown(counts);
  };
  const work = (seconds: number, perSecond: number, failed = 0) => {
    for (let second = 0; second < seconds * 10; second++) {
      now += 100;
      settle(perSecond / 10, failed / 10);
    }
  };
  return { work, settle, wait: (ms: number) => void (now += ms), seen: () => rates.of(counts) };
}

describe('the rates of a relay', () => {
  test('are none before anything is settled', () => {
    const { seen, wait } = setUp();
    wait(3_600_000);
    expect(seen()).toEqual({ published: 0, failed: 0 });
  });

  test('are those of a relay that is steadily at work, however long', () => {
    const { work, seen } = setUp();
    work(3, 1_000, 10);
    expect(seen()).toEqual({ published: 1_000, failed: 10 });
    work(60, 1_000, 10);
    const { published, failed } = seen();
    expect(published).toBeGreaterThanOrEqual(1_000);
    expect(published).toBeLessThanOrEqual(1_100);
    expect(failed).toBeGreaterThanOrEqual(10);
    expect(failed).toBeLessThanOrEqual(11);
  });

  test('make no rate of thousands of the first moment', () => {
    const { settle, seen, wait } = setUp();
    wait(1);
    settle(500);
    expect(seen().published).toBe(500);
  });

  test('do not tell of a burst that is long over, nor divide one by a rest before it', () => {
    const { work, settle, wait, seen } = setUp();
    work(1, 5_000);
    wait(60_000);
    expect(seen().published).toBe(0);
    settle(600);
    expect(seen().published).toBe(60);
    wait(9_900);
    expect(seen().published).toBe(60);
    wait(1_200);
    expect(seen().published).toBe(0);
  });
});
