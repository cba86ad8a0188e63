import { describe, expect, test } from '@jest/globals';
import { eventually } from '../../support/outbox-app.js';
import { NO_OUTCOME, some, type StoreContext } from './context.js';

export function settleContract({
  numbered,
  fixture,
  open,
  event,
  append,
  read,
  readTypes,
  rows,
  states,
  settleAll,
}: StoreContext): void {
  describe('settle', () => {
    test('records every outcome, those published with one message and one statement for each other kind, and leaves the rest pending', async () => {
      const store = open();
      await append(store, ...numbered(9));
      const reader = store.openReader();
      const found = await read(reader);
      const row = (number: number) => found[number - 1]!;
      const failed = (number: number, delay: number) => ({
        ...row(number),
        error: `Error: ${number}`,
        delay,
      });
      const before = fixture().statements.length;
      await store.settle({
        published: [row(1), row(2)],
        returned: [row(3), row(4)],
        rescheduled: [failed(5, 3_600_000), failed(6, 3_600_000)],
        dead: [failed(7, 0), failed(8, 0)],
      });
      expect(fixture().statements.slice(before)).toHaveLength(3);
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
      expect(await readTypes(reader)).toEqual(['event.9']);
    });

    test('sends only the statements there is something for', async () => {
      const store = open();
      await append(store, ...numbered(2));
      const found = await read(store.openReader());
      const before = fixture().statements.length;
      await settleAll(store, found);
      expect(fixture().statements.slice(before)).toHaveLength(1);
    });

    test('deletes what was published when nothing is to be kept', async () => {
      const store = open({ deletePublished: true });
      await append(store, ...numbered(3));
      const [first, second] = await read(store.openReader());
      await store.settle({ ...NO_OUTCOME, published: [first!], returned: [second!] });
      expect(await states()).toEqual({ 'event.3': 'pending' });
    });

    test('keeps the newest ten failed attempts, oldest first, with their times by the database’s clock', async () => {
      const store = open();
      await append(store, event('a'));
      const reader = store.openReader();
      for (let attempt = 1; attempt <= 12; attempt++) {
        const [failing] = await eventually(async () => some(await read(reader)));
        const failure = {
          seq: failing?.seq ?? 0,
          attempts: attempt - 1,
          error: `Error: ${attempt}`,
          delay: 0,
        };
        await store.settle({ ...NO_OUTCOME, [attempt === 12 ? 'dead' : 'rescheduled']: [failure] });
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

    test('leaves alone what somebody else has settled meanwhile, and can be repeated', async () => {
      const store = open();
      await append(store, ...numbered(3));
      const found = await read(store.openReader());
      const [one, two, three] = found.map((event) => ({ ...event, error: 'Error: no', delay: 0 }));
      await store.settle({ ...NO_OUTCOME, published: [one!], rescheduled: [two!] });
      await store.settle({ ...NO_OUTCOME, dead: [three!] });
      const before = await rows();
      await store.settle({ ...NO_OUTCOME, rescheduled: [one!, two!, three!] });
      await store.settle({ ...NO_OUTCOME, dead: [one!, two!, three!] });
      await store.settle({ ...NO_OUTCOME, published: found });
      expect(await rows()).toEqual(before);
    });

    test('tells the failures that hold back nothing, for somebody else has had their row', async () => {
      const store = open();
      await append(store, ...numbered(4));
      const found = await read(store.openReader());
      const [one, two, three, four] = found.map((event) => ({ ...event, error: 'Error: no', delay: 0 }));
      expect(await store.settle({ ...NO_OUTCOME, published: [one!], rescheduled: [two!] })).toEqual([]);
      expect(await store.settle({ ...NO_OUTCOME, rescheduled: [one!, three!], dead: [two!, four!] })).toEqual(
        [one?.seq, two?.seq],
      );
    });

    for (const deletePublished of [true, false])
      test(`of an event that another relay has failed to publish since it was read, it records nothing: it holds back its key (${deletePublished ? 'deleted' : 'kept'})`, async () => {
        const store = open({ deletePublished });
        await append(store, event('k.1', { key: 'k' }), event('k.2', { key: 'k' }));
        const reader = store.openReader();
        const [frozen] = await read(reader, 1);
        await store.settle({
          ...NO_OUTCOME,
          rescheduled: [{ ...frozen!, error: 'Error: no', delay: 0 }],
        });
        await settleAll(store, [frozen!]);
        await settleAll(store, [frozen!], 'returned');
        expect(await states()).toEqual({ 'k.1': 'pending', 'k.2': 'pending' });
        const [retried] = await eventually(async () => some(await read(reader)));
        await settleAll(store, [retried!]);
        expect((await states())['k.1']).toBe(deletePublished ? undefined : 'published');
      });

    test('keeps any error text', async () => {
      const store = open();
      await append(store, event('a'));
      const [found] = await read(store.openReader());
      const error = `{"quoted"}, \\ 'text', ${'long '.repeat(800)}`;
      await store.settle({
        ...NO_OUTCOME,
        rescheduled: [{ seq: found?.seq ?? 0, attempts: 0, error, delay: 0 }],
      });
      expect((await rows())[0]?.lastError).toBe(error);
    });
  });
}
