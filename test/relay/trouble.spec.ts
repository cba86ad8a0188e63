import { describe, expect, test } from '@jest/globals';
import { FakePublisher, FakeStore, until } from './fakes.js';
import { makeRelay, startRelay } from './relays.js';

describe('a relay whose database was in trouble', () => {
  test('is at rest again when it is back and there is nothing to do', async () => {
    const store = new FakeStore();
    const told: string[] = [];
    store.beforeRead = () =>
      store.reads <= 2 ? Promise.reject(new Error('connection refused')) : Promise.resolve();
    const logger = { log: (text: string) => told.push(text), warn: (text: string) => told.push(text) };
    startRelay(store, new FakePublisher(), {}, logger);
    await until(() => told.length === 2);
    expect(told).toEqual(['Publishing pauses: connection refused', 'Publishing goes on.']);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(store.reads).toBeLessThanOrEqual(5);
  });

  test('tries again with growing waits, not in a loop', async () => {
    const store = new FakeStore();
    store.beforeRead = () => Promise.reject(new Error('connection refused'));
    const relay = makeRelay(store, new FakePublisher());
    const started = performance.now();
    relay.start();
    await until(() => store.reads === 3);
    // At least half of 200 ms, and half of 400.
    expect(performance.now() - started).toBeGreaterThanOrEqual(290);
  });
});
