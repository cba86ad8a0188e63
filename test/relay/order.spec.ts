import { describe, expect, test } from '@jest/globals';
import type { PublishOutcome } from '../../lib/broker/publisher.js';
import { BrokerUnavailableError } from '../../lib/errors/broker-unavailable.error.js';
import { FakePublisher, FakeStore, gate, quiet, until } from './fakes.js';
import { makeRelay, startRelay } from './relays.js';

const LOST: PublishOutcome = { kind: 'unknown', error: new BrokerUnavailableError('gone') };
const CONFIRMED: PublishOutcome = { kind: 'confirmed' };
const REFUSED: PublishOutcome = { kind: 'refused', error: new Error('no') };

describe('events of one key', () => {
  test('leave one at a time: the next one when the one before is confirmed', async () => {
    const store = new FakeStore();
    const publisher = new FakePublisher();
    const answers = [gate<PublishOutcome[]>(), gate<PublishOutcome[]>(), gate<PublishOutcome[]>()];
    let asked = 0;
    publisher.answer = () => answers[asked++]!.opened;
    store.add(1, 2, 3);
    startRelay(store, publisher);
    for (const [index, answer] of answers.entries()) {
      await until(() => publisher.published.length === index + 1);
      await quiet();
      expect(publisher.published).toEqual(['1', '2', '3'].slice(0, index + 1));
      answer.open([CONFIRMED]);
    }
  });

  test('do not keep the events of others waiting', async () => {
    const store = new FakeStore();
    const publisher = new FakePublisher();
    publisher.answer = (events) =>
      events.some(({ key }) => key === 'slow')
        ? new Promise(() => undefined)
        : Promise.resolve(events.map(() => CONFIRMED));
    store.addOf('slow', 1, 2);
    store.addOf('quick', 3, 4, 5);
    store.addOf(null, 6, 7);
    startRelay(store, publisher, { batchSize: 1 });
    await until(() => publisher.published.length === 6);
    await quiet();
    expect(new Set(publisher.published)).toEqual(new Set(['1', '3', '4', '5', '6', '7']));
  });

  test('are never all in memory: of thousands a few are, and the rest is read when it is their turn', async () => {
    const store = new FakeStore();
    const publisher = new FakePublisher();
    const all = Array.from({ length: 1_000 }, (_, index) => index + 1);
    store.add(...all);
    store.addOf('other', 1_001);
    startRelay(store, publisher, { batchSize: 100, window: 500 });
    await until(() => publisher.published.length === 1_001);
    expect(publisher.published.filter((id) => id !== '1001')).toEqual(all.map(String));
    expect(publisher.published.indexOf('1001')).toBeLessThan(200);
  });

  test('that are read while one before them is refused wait in the table for it, like all others', async () => {
    const store = new FakeStore();
    const publisher = new FakePublisher();
    const all = Array.from({ length: 150 }, (_, index) => index + 1);
    const read = gate<void>();
    let isReading = false;
    let refused: string | undefined;
    store.add(...all);
    const openReader = store.openReader.bind(store);
    store.openReader = () => {
      const reader = openReader();
      const readKey = reader.readKey.bind(reader);
      return Object.assign(reader, {
        readKey: async (...which: Parameters<typeof readKey>) => {
          const found = await readKey(...which);
          isReading = true;
          await read.opened;
          return found;
        },
      });
    };
    publisher.answer = async (events) => {
      await quiet();
      if (!isReading || refused !== undefined) return events.map(() => CONFIRMED);
      refused = events[0]?.id;
      setTimeout(() => read.open(), 20);
      return events.map(() => REFUSED);
    };
    startRelay(store, publisher, { batchSize: 200, pollInterval: 20 });
    await until(() => publisher.published.length === all.length + 1);
    const again = all.flatMap((id) => (String(id) === refused ? [refused, refused] : [String(id)]));
    expect(publisher.published).toEqual(again);
  });

  test('that are read when it is their turn leave turns to those of others, of which nobody tells', async () => {
    const store = new FakeStore();
    const publisher = new FakePublisher();
    const all = Array.from({ length: 1_000 }, (_, index) => index + 1);
    store.add(...all);
    publisher.answer = (events) => {
      if (publisher.published.length === 200) store.addOf('other', 1_001);
      return Promise.resolve(events.map(() => CONFIRMED));
    };
    startRelay(store, publisher, { batchSize: 100, window: 500 });
    await until(() => publisher.published.length === 1_001);
    expect(publisher.published.indexOf('1001')).toBeLessThan(500);
  });
});

describe('drain()', () => {
  test('ends although an event was refused that others of its key waited for, and publishes them behind it', async () => {
    const store = new FakeStore();
    const publisher = new FakePublisher();
    let isFirst = true;
    publisher.answer = (events) => {
      const outcome = isFirst ? REFUSED : CONFIRMED;
      isFirst = false;
      return Promise.resolve(events.map(() => outcome));
    };
    store.add(1, 2, 3);
    const relay = makeRelay(store, publisher, { batchSize: 10 });
    expect(await relay.drain()).toMatchObject({ published: 3, rescheduled: 1 });
    expect(publisher.published).toEqual(['1', '1', '2', '3']);
  });

  test('tells of all events of a key of which a few at a time are in memory', async () => {
    const store = new FakeStore();
    const publisher = new FakePublisher();
    store.add(...Array.from({ length: 500 }, (_, index) => index + 1));
    const relay = makeRelay(store, publisher, { batchSize: 100 });
    expect(await relay.drain()).toMatchObject({ claimed: 500, published: 500 });
  });
});

describe('a relay whose broker goes and comes back', () => {
  test('begins again with what was on its way, also if more is read before it knows', async () => {
    const store = new FakeStore();
    const publisher = new FakePublisher();
    const answers = gate<PublishOutcome[]>();
    store.add(1, 2);
    publisher.answer = () => answers.opened;
    const relay = startRelay(store, publisher);
    await until(() => publisher.published.length === 1);
    publisher.setReady(false);
    store.add(3, 4);
    publisher.answer = (events) => Promise.resolve(events.map(() => CONFIRMED));
    publisher.setReady(true);
    relay.wake();
    await quiet();
    expect(publisher.published).toEqual(['1']);
    answers.open([LOST]);
    await until(() => publisher.published.length >= 5);
    expect(publisher.published).toEqual(['1', '1', '2', '3', '4']);
  });

  test('does not publish what a read brings that had begun before', async () => {
    const store = new FakeStore();
    const publisher = new FakePublisher();
    const answers = gate<PublishOutcome[]>();
    const ahead = gate();
    store.addOf('a', 1);
    store.addOf('b', 2);
    publisher.answer = () => answers.opened;
    const relay = startRelay(store, publisher);
    await until(() => publisher.published.length === 2);
    store.afterRead = () => ahead.opened;
    store.addOf('a', 3);
    relay.wake();
    await quiet();
    publisher.setReady(false);
    answers.open([LOST, LOST]);
    publisher.answer = (events) => Promise.resolve(events.map(() => CONFIRMED));
    publisher.setReady(true);
    store.afterRead = () => Promise.resolve();
    ahead.open();
    await until(() => publisher.published.length >= 5);
    expect(publisher.published.filter((id) => id !== '2')).toEqual(['1', '1', '3']);
  });
});

describe('a relay that gets no answer for an event', () => {
  /** Answers of which a test decides when they come. */
  function answering(publisher: FakePublisher) {
    const answers = new Map<string, (outcome: PublishOutcome) => void>();
    publisher.answer = (events) =>
      Promise.all(events.map(({ id }) => new Promise<PublishOutcome>((resolve) => answers.set(id, resolve))));
    return (id: string, outcome: PublishOutcome) => answers.get(id)?.(outcome);
  }

  test('reads it again by itself, although the broker was there all the time', async () => {
    const store = new FakeStore();
    const publisher = new FakePublisher();
    const answer = answering(publisher);
    store.add(1, 2);
    startRelay(store, publisher);
    await until(() => publisher.published.length === 1);
    answer('1', LOST);
    await until(() => publisher.published.length === 2);
    answer('1', CONFIRMED);
    await until(() => publisher.published.length === 3);
    answer('2', CONFIRMED);
    await until(() => Object.values(store.states()).every((state) => state === 'published'));
    expect(publisher.published).toEqual(['1', '1', '2']);
  });

  test('reads and publishes nothing more until it knows of all that are on their way', async () => {
    const store = new FakeStore();
    const publisher = new FakePublisher();
    const answers = ['a', 'b'].map(() => gate<PublishOutcome[]>());
    publisher.answer = ([event]) =>
      event?.key === 'a'
        ? answers[0]!.opened
        : event?.key === 'b'
          ? answers[1]!.opened
          : Promise.resolve([CONFIRMED]);
    store.addOf('a', 1);
    store.addOf('b', 2);
    // In memory, but the window is full.
    store.addOf('c', 3);
    const relay = startRelay(store, publisher, { batchSize: 1, window: 2 });
    await until(() => publisher.published.length === 2 && store.reads >= 3);
    await quiet();
    // In the table only: in a new read it would pass the one of its key that is given up.
    store.addOf('a', 4);
    publisher.answer = (events) => Promise.resolve(events.map(() => CONFIRMED));
    answers[0]!.open([LOST]);
    relay.wake();
    await quiet();
    expect(publisher.published).toEqual(['1', '2']);
    answers[1]!.open([CONFIRMED]);
    await until(() => Object.values(store.states()).every((state) => state === 'published'));
    expect(publisher.published.filter((id) => id !== '3')).toEqual(['1', '2', '1', '4']);
    expect(publisher.published.filter((id) => id === '3')).toHaveLength(1);
  });
});

describe('a relay of which an event was refused', () => {
  test('holds back its key in what it has read already, until the failure is on record, and goes on in order', async () => {
    const store = new FakeStore();
    const publisher = new FakePublisher();
    const settling = gate();
    store.add(1, 2, 3);
    let refused = false;
    publisher.answer = (events) =>
      Promise.resolve(
        events.map(({ id }) => (id === '1' && !refused ? ((refused = true), REFUSED) : CONFIRMED)),
      );
    store.beforeSettle = () => settling.opened;
    const relay = startRelay(store, publisher, { batchSize: 10 });
    await quiet();
    store.add(4);
    relay.wake();
    await quiet();
    expect(publisher.published).toEqual(['1']);
    settling.open();
    await until(() => Object.values(store.states()).every((state) => state === 'published'));
    expect(publisher.published).toEqual(['1', '1', '2', '3', '4']);
  });

  test('holds back its key, too, in what is read before the failure was recorded and comes after', async () => {
    const store = new FakeStore();
    const publisher = new FakePublisher();
    const ahead = gate();
    store.add(1);
    let reads = 0;
    store.afterRead = () => (++reads === 2 ? ahead.opened : Promise.resolve());
    publisher.answer = (events) => {
      store.add(2);
      return new Promise((resolve) =>
        setTimeout(
          resolve,
          5,
          events.map(() => REFUSED),
        ),
      );
    };
    startRelay(store, publisher, { attempts: 1 });
    await until(() => store.log.length > 0);
    ahead.open();
    await quiet();
    expect(publisher.published).toEqual(['1']);
    expect(store.states()).toEqual({ 1: 'dead', 2: 'pending' });
  });

  test("with onDead: 'continue' goes on with its key when that one is dead", async () => {
    const store = new FakeStore(false);
    const publisher = new FakePublisher();
    store.add(1, 2, 3);
    publisher.answer = (events) =>
      Promise.resolve(events.map(({ id }) => (id === '1' ? REFUSED : CONFIRMED)));
    startRelay(store, publisher, { attempts: 2, onDead: 'continue' });
    await until(() => publisher.published.length === 4);
    expect(publisher.published).toEqual(['1', '1', '2', '3']);
  });
});

describe('a relay whose settle fails', () => {
  test('keeps the outcomes and records them when the database is back: nothing is published twice', async () => {
    const store = new FakeStore();
    const publisher = new FakePublisher();
    let failures = 2;
    store.beforeSettle = () =>
      failures-- > 0 ? Promise.reject(new Error('connection refused')) : Promise.resolve();
    store.add(1, 2, 3);
    startRelay(store, publisher);
    await until(() => Object.values(store.states()).every((state) => state === 'published'));
    expect(publisher.published).toEqual(['1', '2', '3']);
  });
});
