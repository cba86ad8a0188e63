import { afterEach, describe, expect, test } from '@jest/globals';
import type { PublishOutcome } from '../../lib/broker/publisher.js';
import { OutboxRelay, type RelaySettings } from '../../lib/relay/relay.js';
import { FakePublisher, FakeStore, gate, quiet, SETTINGS, SILENT, until } from './fakes.js';

/*
 * While an event of a key has failed, reads pass over the others of that key. Nobody tells of them when it is through: the
 * relay has to remember that there may be some.
 */

const CONFIRMED: PublishOutcome = { kind: 'confirmed' };
const REFUSED: PublishOutcome = { kind: 'refused', error: new Error('no') };

let relay: OutboxRelay | undefined;

afterEach(async () => {
  relay?.stop();
  await relay?.finished(1_000);
});

function start(
  store: FakeStore,
  publisher: FakePublisher,
  settings: Partial<RelaySettings> = {},
): OutboxRelay {
  const all = { ...SETTINGS, batchSize: 10, ...settings };
  relay = new OutboxRelay(store.asStore(), publisher, all, undefined, SILENT);
  relay.start();
  return relay;
}

/** Answers each time as is said; confirms what nothing is said of. */
function answering(publisher: FakePublisher, answers: Record<string, Array<Promise<PublishOutcome>>>) {
  publisher.answer = (events) =>
    Promise.all(events.map(({ id }) => answers[id]?.shift() ?? Promise.resolve(CONFIRMED)));
}

describe('what is held back by an event that has failed', () => {
  test('follows it, although that event stood behind another one of its key when it was read', async () => {
    const store = new FakeStore(false);
    const publisher = new FakePublisher();
    const first = gate<PublishOutcome>();
    answering(publisher, { 1: [first.opened] });
    store.add(1, 3);
    const running = start(store, publisher, { onDead: 'continue' });
    await until(() => publisher.published.length === 1);
    store.add(2);
    store.requeue(2);
    store.add(4, 5);
    running.wake();
    await quiet();
    first.open(CONFIRMED);
    await until(() => publisher.published.length === 5);
    expect(publisher.published).toEqual(['1', '2', '3', '4', '5']);
  });

  test('follows it, although it was the last one of a page of a key of which only some are in memory', async () => {
    const store = new FakeStore(false);
    const publisher = new FakePublisher();
    const first = gate<PublishOutcome>();
    answering(publisher, { 1: [first.opened] });
    const all = Array.from({ length: 100 }, (_, index) => index + 1);
    store.add(...all);
    const running = start(store, publisher, { onDead: 'continue', batchSize: 200 });
    await until(() => publisher.published.length === 1);
    store.requeue(80);
    store.add(101, 102);
    running.wake();
    await quiet();
    first.open(CONFIRMED);
    await until(() => publisher.published.length === 102);
    expect(publisher.published).toEqual([...all, 101, 102].map(String));
  });

  test('follows it, although it has a lower number and was committed while the other one was failing', async () => {
    const store = new FakeStore();
    const publisher = new FakePublisher();
    const again = gate<PublishOutcome>();
    answering(publisher, { 5: [Promise.resolve(REFUSED), again.opened] });
    store.add(5, 6);
    const running = start(store, publisher);
    await until(() => publisher.published.length === 2);
    store.add(3);
    running.wake();
    await quiet();
    again.open(CONFIRMED);
    await until(() => publisher.published.length === 4);
    expect(publisher.published).toEqual(['5', '5', '3', '6']);
  });

  test('goes on when that event died and need not be waited for, also with what has a lower number', async () => {
    const store = new FakeStore(false);
    const publisher = new FakePublisher();
    const last = gate<PublishOutcome>();
    answering(publisher, { 5: [Promise.resolve(REFUSED), last.opened] });
    store.add(5, 6);
    const running = start(store, publisher, { attempts: 2, onDead: 'continue' });
    await until(() => publisher.published.length === 2);
    store.add(3);
    running.wake();
    await quiet();
    last.open(REFUSED);
    await until(() => publisher.published.length === 4);
    expect(publisher.published).toEqual(['5', '5', '3', '6']);
  });

  test('goes on when the failure could not be recorded, for the row had been deleted by somebody', async () => {
    const store = new FakeStore();
    const publisher = new FakePublisher();
    answering(publisher, { 1: [Promise.resolve(REFUSED)] });
    store.add(1, 2, 3);
    store.beforeSettle = () => {
      store.rows.delete(1);
      return Promise.resolve();
    };
    start(store, publisher);
    await until(() => publisher.published.length === 3);
    expect(publisher.published).toEqual(['1', '2', '3']);
  });
});
