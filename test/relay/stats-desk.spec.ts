import { describe, expect, test } from '@jest/globals';
import { StatsDesk } from '../../lib/relay/stats-desk.js';
import type { StoreStats } from '../../lib/store/store.js';

/** A desk before a database that answers when it is told to, and a clock that stands still. */
function setUp() {
  const answers: Array<{ resolve(stats: StoreStats): void; reject(error: Error): void }> = [];
  let now = 0;
  const store = {
    stats: () => new Promise<StoreStats>((resolve, reject) => void answers.push({ resolve, reject })),
  };
  const desk = new StatsDesk(store, 16, () => now);
  return { desk, answers, wait: (ms: number) => void (now += ms) };
}

const pending = (count: number) => ({ pending: count }) as StoreStats;

describe('the figures of the table', () => {
  test('are asked for once, however many ask meanwhile', async () => {
    const { desk, answers } = setUp();
    const asked = Array.from({ length: 100 }, () => desk.read());
    answers[0]?.resolve(pending(3));
    expect(new Set(await Promise.all(asked))).toEqual(new Set([pending(3)]));
    expect(answers).toHaveLength(1);
  });

  test('are good for a second from when they were asked for', async () => {
    const { desk, answers, wait } = setUp();
    const first = desk.read();
    wait(400);
    answers[0]?.resolve(pending(1));
    await first;
    wait(599);
    expect(await desk.read()).toEqual(pending(1));
    wait(1);
    const second = desk.read();
    answers[1]?.resolve(pending(2));
    expect(await second).toEqual(pending(2));
  });

  test('are not remembered when the database refuses, and are asked for again', async () => {
    const { desk, answers } = setUp();
    const both = [desk.read(), desk.read()];
    answers[0]?.reject(new Error('no'));
    for (const one of both) await expect(one).rejects.toThrow('no');
    const again = desk.read();
    answers[1]?.resolve(pending(1));
    expect(await again).toEqual(pending(1));
    expect(answers).toHaveLength(2);
  });

  test('are not asked for twice of a database that does not answer', () => {
    const { desk, answers, wait } = setUp();
    void desk.read();
    wait(60_000);
    void desk.read();
    expect(answers).toHaveLength(1);
  });

  test('are forgotten when they are known to be wrong, also those that are on their way', async () => {
    const { desk, answers } = setUp();
    const early = desk.read();
    desk.forget();
    const late = desk.read();
    answers[1]?.resolve(pending(0));
    answers[0]?.resolve(pending(9));
    expect([await early, await late]).toEqual([pending(9), pending(0)]);
    expect(await desk.read()).toEqual(pending(0));
    expect(answers).toHaveLength(2);
  });
});
