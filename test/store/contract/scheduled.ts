import { describe, expect, jest, test } from '@jest/globals';
import { eventually } from '../../support/outbox-app.js';
import { type StoreContext } from './context.js';

export function scheduledContract({ open, event, append, claim, typesOf, claimTypes }: StoreContext): void {
  describe('scheduled events', () => {
    test('are taken when they are due, not before, and keep nobody waiting', async () => {
      const store = open();
      await append(store, event('later', { delay: 400 }), event('much.later', { delay: '1h' }), event('now'));
      const reader = store.openReader();
      expect(await claimTypes(reader)).toEqual(['now']);
      expect(await claim(reader)).toBeUndefined();
      expect(typesOf(await eventually(() => claim(reader)))).toEqual(['later']);
      expect(await claim(reader)).toBeUndefined();
    });

    test('go by the database’s clock, whatever this machine thinks the time is', async () => {
      const store = open();
      jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 86_400_000);
      await append(store, event('in.an.hour', { delay: '1h' }));
      expect(await claim(store.openReader())).toBeUndefined();
      jest.spyOn(Date, 'now').mockReturnValue(0);
      await append(store, event('now', { delay: 0 }));
      expect(await claimTypes(store.openReader())).toEqual(['now']);
    });

    test('are due at once when their moment has passed', async () => {
      const store = open();
      await append(store, event('past', { availableAt: new Date(0) }));
      expect(await claimTypes(store.openReader())).toEqual(['past']);
    });
  });
}
