import { describe, expect, test } from '@jest/globals';
import { LaneSet } from '../../lib/event/lane.js';
import { Feeder } from '../../lib/relay/feeder.js';
import { Stream } from '../../lib/relay/stream.js';
import { FakePublisher, FakeStore, gate, quiet, SETTINGS } from './fakes.js';

describe('a read', () => {
  test('that began before lanes came brings nothing: they may have been ours before, and in other hands since', async () => {
    const store = new FakeStore();
    const publisher = new FakePublisher();
    const lanes = new LaneSet(1, new Set([0]));
    const stream = new Stream(publisher, SETTINGS, {
      mayPublish: () => true,
      answered: (entry) => stream.forget(entry),
    });
    const feeder = new Feeder(store.openReader(), stream, () => lanes, 100);
    const reading = gate();
    store.addOf(null, 1, 2);
    store.afterRead = () => reading.opened;
    const read = feeder.feed();
    await quiet();
    feeder.restartFromZero();
    store.rows.delete('1'); // Published by whoever had the lane meanwhile.
    reading.open();
    expect(await read).toBeUndefined();
    await feeder.feed();
    await quiet();
    expect(publisher.published).toEqual(['2']);
  });
});
