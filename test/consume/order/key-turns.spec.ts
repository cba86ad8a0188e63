import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { KeyTurns } from '../../../lib/consume/order/key-turns.js';

describe('turns with a key', () => {
  test('come one after the other, in the order they were taken; other keys do not wait', async () => {
    const turns = new KeyTurns();
    const [first, second, third, other] = ['a', 'a', 'a', 'b'].map((key) => turns.take(key));
    expect(first?.come).toBeUndefined();
    expect(other?.come).toBeUndefined();
    const came: string[] = [];
    void second?.come?.then(() => came.push('second'));
    void third?.come?.then(() => came.push('third'));
    // Whoever leaves before it is their turn lets nobody pass.
    second?.leave();
    await new Promise(setImmediate);
    expect(came).toEqual([]);
    first?.leave();
    await new Promise(setImmediate);
    expect(came).toEqual(['second', 'third']);
    third?.leave();
    await new Promise(setImmediate);
    expect(turns.take('a').come).toBeUndefined();
  });

  test('never overlap, whoever leaves when', async () => {
    const work = fc.array(
      fc.record({ key: fc.constantFrom('a', 'b', 'c'), steps: fc.integer({ min: 0, max: 5 }) }),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(work, async (items) => {
        const turns = new KeyTurns();
        const running = new Map<string, number>();
        const log: string[] = [];
        await Promise.all(
          items.map(async ({ key, steps }, index) => {
            const turn = turns.take(key);
            await turn.come;
            expect(running.get(key) ?? 0).toBe(0);
            running.set(key, 1);
            log.push(`${key}${String(index).padStart(3, '0')}`);
            for (let step = 0; step < steps; step++) await Promise.resolve();
            running.set(key, 0);
            turn.leave();
          }),
        );
        for (const key of ['a', 'b', 'c']) {
          const own = log.filter((entry) => entry.startsWith(key));
          expect(own).toEqual(own.toSorted((x, y) => x.localeCompare(y)));
        }
      }),
    );
  });
});
