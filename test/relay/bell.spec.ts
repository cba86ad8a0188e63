import { describe, expect, test } from '@jest/globals';
import { Bell } from '../../lib/relay/bell.js';

describe('a bell', () => {
  test('wakes who waits', async () => {
    const bell = new Bell();
    const woken = bell.wait(60_000);
    bell.ring();
    expect(await woken).toBe(true);
  });

  test('that rang while nobody waited is not missed, and counts once', async () => {
    const bell = new Bell();
    bell.ring();
    bell.ring();
    expect(await bell.wait(60_000)).toBe(true);
    expect(await bell.wait(1)).toBe(false);
  });

  test('that does not ring lets the wait end by itself', async () => {
    expect(await new Bell().wait(1)).toBe(false);
  });

  test('shows its timer only while it waits', async () => {
    const bell = new Bell();
    const timers: NodeJS.Timeout[] = [];
    bell.ring();
    await bell.wait(60_000, (timer) => timers.push(timer));
    expect(timers).toHaveLength(0);
    const woken = bell.wait(60_000, (timer) => timers.push(timer));
    expect(timers).toHaveLength(1);
    bell.ring();
    await woken;
  });
});
