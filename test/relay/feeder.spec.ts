import { beforeEach, describe, expect, test } from '@jest/globals';
import { LaneSet, laneSlot } from '../../lib/event/lane.js';
import { Feeder } from '../../lib/relay/feeder.js';
import { Stream } from '../../lib/relay/stream.js';
import { FakePublisher, FakeStore, gate, quiet, SETTINGS } from './fakes.js';

/** Of all lanes, when there are two. */
const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

describe('a read', () => {
  let store: FakeStore;
  let publisher: FakePublisher;
  let lanes: LaneSet;
  let feeder: Feeder;

  beforeEach(() => {
    store = new FakeStore();
    publisher = new FakePublisher();
    lanes = new LaneSet(1, new Set([0]));
    const stream = new Stream(publisher, SETTINGS, {
      mayPublish: () => true,
      answered: (entry) => {
        stream.passed(entry);
        stream.forget(entry);
      },
      moved: () => undefined,
    });
    feeder = new Feeder(store.openReader(), stream, () => lanes, 100);
  });

  test('that began before lanes came brings nothing: they may have been ours before, and in other hands since', async () => {
    const reading = gate();
    store.addOf(null, 1, 2);
    store.afterRead = () => reading.opened;
    const read = feeder.feed();
    await quiet();
    feeder.restartFromZero();
    store.rows.delete(1); // Published by whoever had the lane meanwhile.
    reading.open();
    expect(await read).toBeUndefined();
    await feeder.feed();
    await quiet();
    expect(publisher.published).toEqual(['2']);
  });

  test('of one key that began before lanes came brings nothing either', async () => {
    const reading = gate();
    // More than are kept in memory of a key: the rest is read by the key.
    store.add(...Array.from({ length: 100 }, (_, index) => index + 1));
    const answers = gate();
    publisher.answer = async (events) => {
      if (publisher.published.length > 60) await answers.opened;
      return events.map(() => ({ kind: 'confirmed' }));
    };
    await feeder.feed();
    await quiet();
    expect(publisher.published).toHaveLength(61);
    store.afterRead = () => reading.opened;
    const read = feeder.feed();
    await quiet();
    feeder.restart();
    // Published by whoever had the lane meanwhile.
    for (let number = 61; number < 100; number++) store.rows.delete(number);
    reading.open();
    expect(await read).toBeUndefined();
    answers.open();
    await quiet();
    await feeder.feed();
    await quiet();
    expect(publisher.published.slice(61)).toEqual(['100']);
  });

  test('that was in vain is made up for: the reader goes back to where it began', async () => {
    const reading = gate();
    store.addOf(null, 1, 2);
    store.beforeRead = () => reading.opened;
    const read = feeder.feed();
    await quiet();
    feeder.restartFromZero();
    reading.open();
    expect(await read).toBeUndefined();
    expect(await feeder.feed()).toBe(2);
    await quiet();
    expect(publisher.published).toEqual(['1', '2']);
  });

  test('brings nothing of a lane that was given back while it ran', async () => {
    const reading = gate();
    lanes = new LaneSet(2, new Set([0, 1]));
    const [given, kept] = [0, 1].map((lane) => keys.find((key) => laneSlot(key) % 2 === lane) as string);
    store.addOf(given as string, 1);
    store.addOf(kept as string, 2);
    store.afterRead = () => reading.opened;
    const read = feeder.feed();
    await quiet();
    lanes = new LaneSet(2, new Set([1]));
    reading.open();
    await read;
    await quiet();
    expect(publisher.published).toEqual(['2']);
  });
});
