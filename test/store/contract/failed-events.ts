import { describe, expect, test } from '@jest/globals';
import { eventually } from '../../support/outbox-app.js';
import { NO_OUTCOME, some, type StoreContext } from './context.js';

export function failedEventsContract({
  open,
  event,
  append,
  read,
  typesOf,
  readTypes,
  states,
  fail,
  settleAll,
}: StoreContext): void {
  describe('a failed event', () => {
    test('is taken again when its wait is over, with the attempts it has spent', async () => {
      const store = open();
      await append(store, event('a', { key: 'k' }));
      const reader = store.openReader();
      for (const attempts of [0, 1, 2]) {
        const [failing] = await eventually(async () => some(await read(reader, 1)));
        expect(failing).toMatchObject({ attempts, hasFailed: attempts > 0 });
        await store.settle({
          ...NO_OUTCOME,
          rescheduled: [{ seq: failing?.seq ?? 0, attempts, error: 'Error: no', delay: 200 }],
        });
        expect(await readTypes(reader)).toEqual([]);
      }
    });

    test('holds back the rest of its key and nothing else, until it is published', async () => {
      const store = open();
      await append(store, event('k.1', { key: 'k' }));
      const reader = store.openReader();
      await fail(store, reader, 'rescheduled', 300);
      await append(
        store,
        event('k.2', { key: 'k' }),
        event('other', { key: 'o' }),
        event('keyless'),
        event('k.3', { key: 'k' }),
      );
      const free = await read(reader);
      expect(typesOf(free)).toEqual(['other', 'keyless']);
      await settleAll(store, free);
      reader.rewind();
      expect(await readTypes(reader)).toEqual([]);
      const retried = await eventually(async () => some(await read(reader)));
      expect(typesOf(retried)).toEqual(['k.1']);
      await settleAll(store, retried);
      reader.rewind();
      expect(await readTypes(reader)).toEqual(['k.2', 'k.3']);
    });

    test('holds back scheduled events of its key too', async () => {
      const store = open();
      await append(store, event('k.1', { key: 'k' }));
      const reader = store.openReader();
      await fail(store, reader, 'rescheduled', 3_600_000);
      await append(store, event('k.2', { key: 'k', delay: 0 }), event('o.1', { key: 'o', delay: 0 }));
      reader.rewind();
      const free = await read(reader);
      expect(typesOf(free)).toEqual(['o.1']);
      await settleAll(store, free);
      reader.rewind();
      expect(await readTypes(reader)).toEqual([]);
    });

    test('that is dead is never taken again, and parks its key', async () => {
      const store = open({ parking: true });
      await append(store, event('k.1', { key: 'k' }), event('keyless'));
      const reader = store.openReader();
      await fail(store, reader, 'dead');
      await append(store, event('k.2', { key: 'k' }), event('other', { key: 'o' }));
      reader.rewind();
      const free = await read(reader);
      expect(typesOf(free)).toEqual(['keyless', 'other']);
      await settleAll(store, free);
      reader.rewind();
      expect(await readTypes(reader)).toEqual([]);
      expect(await states()).toMatchObject({ 'k.1': 'dead', 'k.2': 'pending' });
    });

    test('that is dead is overtaken by its key when parking is off; one that will be retried is not', async () => {
      const store = open({ parking: false });
      await append(store, event('dead.1', { key: 'd' }));
      const reader = store.openReader();
      await fail(store, reader, 'dead');
      await append(store, event('retried.1', { key: 'r' }));
      await fail(store, reader, 'rescheduled', 3_600_000);
      await append(store, event('dead.2', { key: 'd' }), event('retried.2', { key: 'r' }));
      await append(store, event('dead.3', { key: 'd', delay: 0 }));
      reader.rewind();
      const taken = new Set([...(await readTypes(reader)), ...(await readTypes(reader))]);
      expect(taken).toEqual(new Set(['dead.2', 'dead.3']));
    });

    test('without a key holds back nobody', async () => {
      const store = open();
      await append(store, event('a'));
      const reader = store.openReader();
      await fail(store, reader, 'dead');
      await append(store, event('b'));
      expect(await readTypes(reader)).toEqual(['b']);
    });
  });
}
