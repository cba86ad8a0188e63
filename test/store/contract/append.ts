import { describe, expect, test } from '@jest/globals';
import { type StoreContext } from './context.js';

export function appendContract({
  fixture,
  open,
  begin,
  event,
  append,
  numbered,
  readTypes,
  rows,
}: StoreContext): void {
  describe('append', () => {
    test('numbers events in the given order, with one statement for one or for many', async () => {
      const store = open();
      const runner = await begin();
      const before = fixture().statements.length;
      await store.append(runner, [event('first')]);
      await store.append(runner, numbered(1_000));
      await store.append(runner, [event('last')]);
      expect(fixture().statements.length - before).toBe(3);
      await runner.commitTransaction();
      expect((await rows()).map(({ type }) => type)).toEqual([
        'first',
        ...numbered(1_000).map(({ type }) => type),
        'last',
      ]);
    });

    test('sends nothing for no events', async () => {
      const runner = await begin();
      const before = fixture().statements.length;
      await open().append(runner, []);
      expect(fixture().statements.length).toBe(before);
    });

    test('writes one row for an id given twice, and leaves the transaction usable', async () => {
      const store = open();
      const { id } = event('first');
      await append(store, event('first', { id }));
      const runner = await begin();
      await store.append(runner, [event('again', { id })]);
      const twin = event('twin').id;
      await store.append(runner, [event('twin', { id: twin }), event('twin.again', { id: twin })]);
      await store.append(runner, [event('other'), event('yet.again', { id })]);
      await runner.commitTransaction();
      expect((await rows()).map(({ type }) => type)).toEqual(['first', 'twin', 'other']);
    });

    test('leaves nothing after a rollback', async () => {
      const store = open();
      const runner = await begin();
      await store.append(runner, numbered(3));
      await runner.rollbackTransaction();
      expect(await rows()).toHaveLength(0);
      expect(await readTypes(store.openReader())).toEqual([]);
    });
  });
}
