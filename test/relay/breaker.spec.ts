import { describe, expect, test } from '@jest/globals';
import { Breaker } from '../../lib/relay/breaker.js';

function setUp() {
  const told: string[] = [];
  const clock = { now: 1_000 };
  const hooks = {
    opened: (reason: string) => void told.push(`opened: ${reason}`),
    closed: () => void told.push('closed'),
  };
  return { breaker: new Breaker(hooks, () => clock.now), told, clock };
}

describe('the breaker', () => {
  test('is closed at first, opens with a failure and closes with a success, and says each once', () => {
    const { breaker, told } = setUp();
    expect([breaker.open, breaker.wait]).toEqual([false, 0]);
    breaker.failed('first');
    breaker.failed('second');
    expect(breaker.open).toBe(true);
    breaker.succeeded();
    breaker.succeeded();
    expect([breaker.open, breaker.wait]).toEqual([false, 0]);
    expect(told).toEqual(['opened: first', 'closed']);
  });

  test('lets the next try be made when its wait is over', () => {
    const { breaker, clock } = setUp();
    breaker.failed('no');
    expect(breaker.wait).toBeGreaterThan(0);
    clock.now += 200;
    expect(breaker.wait).toBe(0);
    expect(breaker.open).toBe(true);
  });

  test('waits longer with every failure in a row, but never for more than five seconds', () => {
    const { breaker } = setUp();
    const waits = Array.from({ length: 20 }, () => {
      breaker.failed('no');
      return breaker.wait;
    });
    expect(waits[0]).toBeLessThanOrEqual(200);
    expect(waits[5]).toBeGreaterThan(2_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(5_000);
  });

  test('starts from the shortest wait again after a success', () => {
    const { breaker } = setUp();
    for (let failures = 0; failures < 10; failures++) breaker.failed('no');
    breaker.succeeded();
    breaker.failed('no');
    expect(breaker.wait).toBeLessThanOrEqual(200);
  });

  test('lets a try be made at once when what was in the way may be gone', () => {
    const { breaker } = setUp();
    breaker.failed('no');
    breaker.tryNow();
    expect([breaker.open, breaker.wait]).toEqual([true, 0]);
  });
});
