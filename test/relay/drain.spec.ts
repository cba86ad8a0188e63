import { describe, expect, test } from '@jest/globals';
import { OutboxRelay } from '../../lib/relay/relay.js';
import { FakePublisher, FakeStore, gate, SETTINGS, SILENT } from './fakes.js';

describe('drain()', () => {
  test('waits for rows that the running loop is about to claim, which no claim of its own can see', async () => {
    const store = new FakeStore();
    const claiming = gate();
    store.add(1);
    let claims = 0;
    // The loop has locked the row already, and hears of it only after drain() has looked and found nothing.
    store.beforeClaim = () => {
      if (++claims === 1) return claiming.opened;
      setImmediate(claiming.open);
      return Promise.resolve();
    };
    const relay = new OutboxRelay(store.asStore(), new FakePublisher(), SETTINGS, undefined, SILENT);
    relay.start();
    await relay.drain();
    expect(store.log).toEqual(['settled 1']);
    relay.stop();
    expect(await relay.finished(1_000)).toBe(true);
  });
});
