import { describe, expect, test } from '@jest/globals';
import { eventually } from '../../support/outbox-app.js';
import { NO_OUTCOME, type StoreContext } from './context.js';

export function failedEventsContract({
  open,
  event,
  append,
  claim,
  typesOf,
  claimTypes,
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
        const claimed = await eventually(() => claim(reader, 1));
        expect(claimed.events.map((claimedEvent) => claimedEvent.attempts)).toEqual([attempts]);
        await claimed.settle({
          ...NO_OUTCOME,
          rescheduled: [{ seq: claimed.events[0]?.seq ?? '', error: 'Error: no', delay: 200 }],
        });
        expect(await claim(reader)).toBeUndefined();
      }
    });

    test('holds back the rest of its key and nothing else, until it is published', async () => {
      const store = open();
      await append(store, event('k.1', { key: 'k' }));
      const reader = store.openReader();
      await fail(reader, 'rescheduled', 300);
      await append(
        store,
        event('k.2', { key: 'k' }),
        event('other', { key: 'o' }),
        event('keyless'),
        event('k.3', { key: 'k' }),
      );
      expect(await claimTypes(reader)).toEqual(['other', 'keyless']);
      reader.rewind();
      expect(await claim(reader)).toBeUndefined();
      const retried = await eventually(() => claim(reader));
      expect(typesOf(retried)).toEqual(['k.1']);
      await settleAll(retried);
      reader.rewind();
      expect(await claimTypes(reader)).toEqual(['k.2', 'k.3']);
    });

    test('holds back scheduled events of its key too', async () => {
      const store = open();
      await append(store, event('k.1', { key: 'k' }));
      const reader = store.openReader();
      await fail(reader, 'rescheduled', 3_600_000);
      await append(store, event('k.2', { key: 'k', delay: 0 }), event('o.1', { key: 'o', delay: 0 }));
      reader.rewind();
      expect(await claimTypes(reader)).toEqual(['o.1']);
      reader.rewind();
      expect(await claim(reader)).toBeUndefined();
    });

    test('that is dead is never taken again, and parks its key', async () => {
      const store = open({ parking: true });
      await append(store, event('k.1', { key: 'k' }), event('keyless'));
      const reader = store.openReader();
      await fail(reader, 'dead');
      await append(store, event('k.2', { key: 'k' }), event('other', { key: 'o' }));
      reader.rewind();
      expect(await claimTypes(reader)).toEqual(['keyless', 'other']);
      reader.rewind();
      expect(await claim(reader)).toBeUndefined();
      expect(await states()).toMatchObject({ 'k.1': 'dead', 'k.2': 'pending' });
    });

    test('that is dead is overtaken by its key when parking is off; one that will be retried is not', async () => {
      const store = open({ parking: false });
      await append(store, event('dead.1', { key: 'd' }));
      const reader = store.openReader();
      await fail(reader, 'dead');
      await append(store, event('retried.1', { key: 'r' }));
      await fail(reader, 'rescheduled', 3_600_000);
      await append(store, event('dead.2', { key: 'd' }), event('retried.2', { key: 'r' }));
      await append(store, event('dead.3', { key: 'd', delay: 0 }));
      reader.rewind();
      const taken = [...(await claimTypes(reader)), ...(await claimTypes(reader))];
      expect(taken).toHaveLength(2);
      expect(taken).toEqual(expect.arrayContaining(['dead.2', 'dead.3']));
    });

    test('without a key holds back nobody', async () => {
      const store = open();
      await append(store, event('a'));
      const reader = store.openReader();
      await fail(reader, 'dead');
      await append(store, event('b'));
      expect(await claimTypes(reader)).toEqual(['b']);
    });
  });
}
