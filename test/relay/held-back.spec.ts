import { describe, expect, test } from '@jest/globals';
import type { PublishOutcome } from '../../lib/broker/publisher.js';
import { FakePublisher, FakeStore, gate, quiet, until } from './fakes.js';
import { makeRelay, startRelay } from './relays.js';

/*
 * While an event of a key has failed, reads pass over the others of that key. Nobody tells of them when it is through: the
 * relay has to remember that there may be some.
 */

const CONFIRMED: PublishOutcome = { kind: 'confirmed' };
const REFUSED: PublishOutcome = { kind: 'refused', error: new Error('no') };

const SMALL = { batchSize: 10 };

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
    const running = startRelay(store, publisher, { ...SMALL, onDead: 'continue' });
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
    const running = startRelay(store, publisher, { ...SMALL, onDead: 'continue', batchSize: 200 });
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
    const running = startRelay(store, publisher, SMALL);
    await until(() => publisher.published.length === 2);
    store.add(3);
    running.wake();
    await quiet();
    again.open(CONFIRMED);
    await until(() => publisher.published.length === 4);
    expect(publisher.published).toEqual(['5', '5', '3', '6']);
  });

  test.each(['on its way', 'waiting for its record'])(
    'follows one that took the place of a removed dead event while it was %s',
    async (when) => {
      const store = new FakeStore();
      const publisher = new FakePublisher();
      const confirm = gate<PublishOutcome>();
      const record = gate();
      answering(publisher, { 3: [confirm.opened] });
      store.add(3);
      const running = startRelay(store, publisher, SMALL);
      await until(() => publisher.published.length === 1);
      store.add(5, 6, 7);
      Object.assign(store.rows.get(5) as object, { hasFailed: true, state: 'dead' });
      running.wake();
      await quiet();
      store.beforeSettle = () => record.opened;
      if (when === 'waiting for its record') {
        confirm.open(CONFIRMED);
        await quiet();
      }
      store.purge(5, 3);
      running.wake();
      await quiet();
      confirm.open(CONFIRMED);
      store.add(8);
      running.wake();
      await quiet();
      record.open();
      await until(() => publisher.published.length === 4);
      expect(publisher.published).toEqual(['3', '6', '7', '8']);
    },
  );

  test('goes on when that event died and need not be waited for, also with what has a lower number', async () => {
    const store = new FakeStore(false);
    const publisher = new FakePublisher();
    const last = gate<PublishOutcome>();
    answering(publisher, { 5: [Promise.resolve(REFUSED), last.opened] });
    store.add(5, 6);
    const running = startRelay(store, publisher, { ...SMALL, attempts: 2, onDead: 'continue' });
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
    startRelay(store, publisher, SMALL);
    await until(() => publisher.published.length === 3);
    expect(publisher.published).toEqual(['1', '2', '3']);
  });
});

describe('an event that was refused, of which the answer to the settle is lost', () => {
  /** Records once without saying so, and is asked again. */
  function losing(store: FakeStore) {
    const settle = store.settle.bind(store);
    let isFirst = true;
    store.settle = async (settlement) => {
      const unchanged = await settle(settlement);
      if (!isFirst) return unchanged;
      isFirst = false;
      throw new Error('Connection terminated unexpectedly');
    };
  }

  test.each(['park', 'continue'] as const)(
    'holds back its key until it is published (%s)',
    async (onDead) => {
      const store = new FakeStore(onDead === 'park');
      const publisher = new FakePublisher();
      answering(publisher, { 1: [Promise.resolve(REFUSED)] });
      losing(store);
      store.add(1, 2, 3);
      startRelay(store, publisher, { ...SMALL, onDead });
      await until(() => Object.values(store.states()).every((state) => state === 'published'));
      expect(publisher.published).toEqual(['1', '1', '2', '3']);
    },
  );

  test.each([
    ['park', ['1'], { 1: 'dead', 2: 'pending', 3: 'pending' }],
    ['continue', ['1', '2', '3'], { 1: 'dead', 2: 'published', 3: 'published' }],
  ] as const)('parks its key when it is dead, or does not (%s)', async (onDead, published, states) => {
    const store = new FakeStore(onDead === 'park');
    const publisher = new FakePublisher();
    answering(publisher, { 1: [Promise.resolve(REFUSED)] });
    losing(store);
    store.add(1, 2, 3);
    const running = startRelay(store, publisher, { ...SMALL, onDead, attempts: 1 });
    await until(() => running.counts.dead === 1);
    running.wake();
    await until(() => publisher.published.length === published.length);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(publisher.published).toEqual(published);
    expect(store.states()).toEqual(states);
  });
});

describe('drain()', () => {
  test('ends when its lanes have gone to others, although its key has more in the table', async () => {
    const store = new FakeStore();
    const publisher = new FakePublisher();
    const answer = gate<PublishOutcome>();
    answering(publisher, { 1: [answer.opened] });
    let lose: (error: Error) => void = () => undefined;
    const openSeat = store.openSeat.bind(store);
    store.openSeat = () => {
      const seat = openSeat();
      let isTaken = false;
      return {
        ...seat,
        census: () => (isTaken ? Promise.resolve({ shares: [0, 1], free: [] }) : seat.census()),
        onLost: (listener) => {
          lose = (error) => {
            isTaken = true;
            listener(error);
          };
        },
      };
    };
    store.add(1, 2);
    store.requeue(1);
    const relay = makeRelay(store, publisher, { batchSize: 10 });
    const draining = relay.drain();
    await until(() => publisher.published.length === 1);
    lose(new Error('terminated'));
    answer.open(CONFIRMED);
    expect(await draining).toMatchObject({ published: 1 });
    expect(store.states()).toEqual({ 1: 'published', 2: 'pending' });
  });
});
