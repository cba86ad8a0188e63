import { describe, expect, test } from '@jest/globals';
import type { PublishOutcome } from '../../lib/broker/publisher.js';
import { laneSlot } from '../../lib/event/lane.js';
import { FakePublisher, FakeStore, gate, quiet, SETTINGS, until } from './fakes.js';
import { startRelay } from './relays.js';

const CONFIRMED: PublishOutcome = { kind: 'confirmed' };

describe('a relay that has not heard of its lanes for a while', () => {
  test('publishes nothing: it may have been frozen, and the lanes be in other hands', async () => {
    const store = new FakeStore();
    const publisher = new FakePublisher();
    const frozen = gate();
    let asked = 0;
    const openSeat = store.openSeat.bind(store);
    store.openSeat = () => ({
      ...openSeat(),
      census: async () => {
        if (++asked > 1) await frozen.opened;
        return { shares: [0], free: [0] };
      },
    });
    store.add(1);
    const relay = startRelay(store, publisher, { idleTimeout: 100 });
    await until(() => publisher.published.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 60));
    store.add(2);
    relay.wake();
    await quiet();
    expect(publisher.published).toEqual(['1']);
    frozen.open();
    await until(() => publisher.published.length === 2);
  });
});

describe('a relay whose lanes go, with an event of theirs in memory that has not been sent', () => {
  /** One event is on its way; another waits for the window. */
  async function startWithOneWaiting(store: FakeStore, lanes: number) {
    const publisher = new FakePublisher();
    const answer = gate<PublishOutcome[]>();
    publisher.answer = () => answer.opened;
    const announcement = { ...SETTINGS.announcement, lanes };
    const relay = startRelay(store, publisher, { window: 1, announcement });
    await until(() => publisher.published.length === 1);
    await quiet();
    return {
      relay,
      published: publisher.published,
      confirm: () => {
        publisher.answer = (events) => Promise.resolve(events.map(() => CONFIRMED));
        answer.open([CONFIRMED]);
      },
    };
  }

  test('because its seat is lost, publishes only what is still pending when they come back', async () => {
    const store = new FakeStore();
    let lose: (error: Error) => void = () => undefined;
    const openSeat = store.openSeat.bind(store);
    store.openSeat = () => ({ ...openSeat(), onLost: (listener) => void (lose = listener) });
    store.addOf(null, 1, 2);
    const { relay, published, confirm } = await startWithOneWaiting(store, 1);
    lose(new Error('terminated'));
    store.rows.delete(2); // Published by whoever had the lane meanwhile.
    confirm();
    store.addOf(null, 3);
    await until(() => {
      relay.wake();
      return published.includes('3');
    });
    expect(published).not.toContain('2');
  });

  test('because another relay gets its share, leaves them to that one', async () => {
    const store = new FakeStore();
    const [ours, given] = [0, 1].map((lane) =>
      ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].find((key) => laneSlot(key) % 2 === lane),
    ) as [string, string];
    const givenBack = gate();
    let shares = [0];
    const openSeat = store.openSeat.bind(store);
    store.openSeat = () => ({
      ...openSeat(),
      // The last ones are the first that are given back.
      hold: (lanes) => Promise.resolve([...lanes].sort((one, other) => one - other)),
      census: () => Promise.resolve({ shares, free: shares.length === 1 ? [0, 1] : [] }),
      giveBack: (count) => Promise.resolve(count === 1 ? givenBack.open() : undefined),
    });
    store.addOf(ours, 1);
    store.addOf(given, 2);
    const { published, confirm } = await startWithOneWaiting(store, 2);
    shares = [2, 0];
    await givenBack.opened;
    confirm();
    await quiet();
    expect(published).toEqual(['1']);
  });
});
