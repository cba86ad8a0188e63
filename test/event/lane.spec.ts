import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LANE_SLOTS, laneSlot } from '../../lib/event/lane.js';

describe('the lane slot of a key', () => {
  // Rows on disk depend on these numbers: a change is a change of the stored format, not of a test.
  test.each([
    ['', 8_188],
    ['a', 24_884],
    ['order-1', 7_058],
    ['order-2', 6_219],
    ['018f3c1e-7f6a-7cc2-9b1d-2f3a4b5c6d7e', 174],
    ['größe', 28_395],
    ['订单', 12_806],
    ['👍', 10_072],
    ['x'.repeat(255), 20_494],
  ])('of %p is %p, for ever', (key, slot) => {
    expect(laneSlot(key)).toBe(slot);
  });

  test('is the same every time, and fits a smallint', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (key) => {
        const slot = laneSlot(key);
        return slot === laneSlot(key) && Number.isInteger(slot) && slot >= 0 && slot < LANE_SLOTS;
      }),
    );
    expect(LANE_SLOTS - 1).toBeLessThanOrEqual(32_767);
  });

  test('spreads similar keys over all lanes', () => {
    const lanes = Array<number>(16).fill(0);
    for (let number = 0; number < 16_000; number++) lanes[laneSlot(`order-${number}`) % 16]!++;
    expect(Math.min(...lanes)).toBeGreaterThan(800);
    expect(Math.max(...lanes)).toBeLessThan(1_200);
  });

  test('events without a key are spread at random', () => {
    const slots = new Set(Array.from({ length: 200 }, () => laneSlot(null)));
    expect(slots.size).toBeGreaterThan(150);
  });
});
