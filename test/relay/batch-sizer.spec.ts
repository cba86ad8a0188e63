import { describe, expect, test } from '@jest/globals';
import { BatchSizer } from '../../lib/relay/batch-sizer.js';

const bodies = (count: number, bytes: number) =>
  Array.from({ length: count }, () => ({ body: Buffer.alloc(bytes) }));

describe('the size of a batch', () => {
  test('begins careful, and grows to what was asked for when payloads are small', () => {
    const sizer = new BatchSizer(500);
    expect(sizer.size).toBeLessThan(500);
    for (let batch = 0; batch < 10; batch++) sizer.learn(bodies(sizer.size, 1_000));
    expect(sizer.size).toBe(500);
  });

  test('shrinks until a batch of large payloads fits into a few megabytes', () => {
    const sizer = new BatchSizer(500);
    for (let batch = 0; batch < 10; batch++) sizer.learn(bodies(sizer.size, 1_048_576));
    expect(sizer.size * 1_048_576).toBeLessThanOrEqual(9 * 1_048_576);
    for (let batch = 0; batch < 10; batch++) sizer.learn(bodies(1, 100 * 1_048_576));
    expect(sizer.size).toBe(1);
  });

  test('is never more than asked for, also with empty payloads', () => {
    const sizer = new BatchSizer(7);
    for (let batch = 0; batch < 40; batch++) sizer.learn(bodies(3, 0));
    expect(sizer.size).toBe(7);
  });
});
