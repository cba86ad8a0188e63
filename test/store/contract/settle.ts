import { describe, expect, test } from '@jest/globals';
import { eventually } from '../../support/outbox-app.js';
import { NO_OUTCOME, type StoreContext } from './context.js';

export function settleContract({
  numbered,
  fixture,
  open,
  event,
  append,
  claim,
  claimTypes,
  rows,
  states,
  settleAll,
}: StoreContext): void {
  describe('settle', () => {
    test('records every outcome at once, with one statement for each kind, and leaves the rest pending', async () => {
      const store = open();
      await append(store, ...numbered(9));
      const reader = store.openReader();
      const claimed = await claim(reader);
      const seq = (number: number) => claimed?.events[number - 1]?.seq ?? '';
      const failed = (number: number, delay: number) => ({
        seq: seq(number),
        error: `Error: ${number}`,
        delay,
      });
      const before = fixture().statements.length;
      await claimed?.settle({
        published: [seq(1), seq(2)],
        returned: [seq(3), seq(4)],
        rescheduled: [failed(5, 3_600_000), failed(6, 3_600_000)],
        dead: [failed(7, 0), failed(8, 0)],
      });
      expect(fixture().statements.slice(before)).toHaveLength(5);
      const shown = (await rows()).map(
        ({ state, attempts, lastError, returned, publishedAt, availableAt }) => [
          state,
          attempts,
          lastError,
          returned,
          publishedAt !== null,
          availableAt !== null,
        ],
      );
      expect(shown).toEqual([
        ['published', 0, null, false, true, false],
        ['published', 0, null, false, true, false],
        ['published', 0, null, true, true, false],
        ['published', 0, null, true, true, false],
        ['pending', 1, 'Error: 5', false, false, true],
        ['pending', 1, 'Error: 6', false, false, true],
        ['dead', 1, 'Error: 7', false, false, false],
        ['dead', 1, 'Error: 8', false, false, false],
        ['pending', 0, null, false, false, false],
      ]);
      reader.rewind();
      expect(await claimTypes(reader)).toEqual(['event.9']);
    });

    test('sends only the statements there is something for', async () => {
      const store = open();
      await append(store, ...numbered(2));
      const claimed = await claim(store.openReader());
      const before = fixture().statements.length;
      await settleAll(claimed);
      expect(fixture().statements.slice(before)).toHaveLength(2);
    });

    test('deletes what was published when nothing is to be kept', async () => {
      const store = open({ deletePublished: true });
      await append(store, ...numbered(3));
      const claimed = await claim(store.openReader());
      const [first, second] = claimed?.events ?? [];
      await claimed?.settle({
        ...NO_OUTCOME,
        published: [first?.seq ?? ''],
        returned: [second?.seq ?? ''],
      });
      expect(await states()).toEqual({ 'event.3': 'pending' });
    });

    test('keeps the newest ten failed attempts, oldest first, with their times by the database’s clock', async () => {
      const store = open();
      await append(store, event('a'));
      const reader = store.openReader();
      for (let attempt = 1; attempt <= 12; attempt++) {
        const claimed = await eventually(() => claim(reader));
        const [{ seq } = { seq: '' }] = claimed.events;
        const failure = { seq, error: `Error: ${attempt}`, delay: 0 };
        await claimed.settle({ ...NO_OUTCOME, [attempt === 12 ? 'dead' : 'rescheduled']: [failure] });
      }
      const [row] = await rows();
      expect(row).toMatchObject({ state: 'dead', attempts: 12, lastError: 'Error: 12' });
      expect(row?.errors?.map(({ attempt, error }) => [attempt, error])).toEqual(
        Array.from({ length: 10 }, (_, index) => [index + 3, `Error: ${index + 3}`]),
      );
      const times = row?.errors?.map(({ at }) => Date.parse(at)) ?? [];
      expect(times).toEqual([...times].sort((a, b) => a - b));
      expect(Math.abs((times.at(-1) ?? 0) - Date.now())).toBeLessThan(60_000);
    });

    test('keeps any error text', async () => {
      const store = open();
      await append(store, event('a'));
      const claimed = await claim(store.openReader());
      const error = `{"quoted"}, \\ 'text', ${'long '.repeat(800)}`;
      await claimed?.settle({
        ...NO_OUTCOME,
        rescheduled: [{ seq: claimed.events[0]?.seq ?? '', error, delay: 0 }],
      });
      expect((await rows())[0]?.lastError).toBe(error);
    });
  });
}
