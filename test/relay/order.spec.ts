import { afterEach, describe, expect, test } from '@jest/globals';
import type { PublishOutcome } from '../../lib/broker/publisher.js';
import { BrokerUnavailableError } from '../../lib/errors/broker-unavailable.error.js';
import { OutboxRelay } from '../../lib/relay/relay.js';
import { FakePublisher, FakeStore, gate, quiet, SETTINGS, SILENT, until } from './fakes.js';

const LOST: PublishOutcome = { kind: 'unknown', error: new BrokerUnavailableError('gone') };

let relay: OutboxRelay | undefined;

afterEach(async () => {
  relay?.stop();
  await relay?.finished(1_000);
});

describe('a relay whose broker goes and comes back', () => {
  test('claims nothing more until the fate of what was on its way is settled', async () => {
    const store = new FakeStore();
    const publisher = new FakePublisher();
    const answers = gate<PublishOutcome[]>();
    const settling = gate();
    store.add(1, 2);
    publisher.answer = () => answers.opened;
    store.beforeSettle = () => settling.opened;
    relay = new OutboxRelay(store.asStore(), publisher, SETTINGS, undefined, SILENT);
    relay.start();
    await quiet();
    expect(publisher.published).toEqual(['1', '2']);
    // The connection goes with 1 and 2 on it, and is back before the database has taken back their rows.
    publisher.setReady(false);
    answers.open([LOST, LOST]);
    publisher.answer = (events) => Promise.resolve(events.map(() => ({ kind: 'confirmed' })));
    store.add(3, 4);
    publisher.setReady(true);
    relay.wake();
    await quiet();
    expect(publisher.published).toEqual(['1', '2']);
    settling.open();
    await until(() => publisher.published.length >= 6);
    expect(publisher.published).toEqual(['1', '2', '1', '2', '3', '4']);
  });

  test('gives back what it had claimed ahead, and starts with what was lost', async () => {
    const store = new FakeStore();
    const publisher = new FakePublisher();
    const answers = gate<PublishOutcome[]>();
    const ahead = gate();
    store.add(1, 2, 3, 4);
    publisher.answer = () => answers.opened;
    let claims = 0;
    store.beforeClaim = () => (++claims === 2 ? ahead.opened : Promise.resolve());
    relay = new OutboxRelay(store.asStore(), publisher, SETTINGS, undefined, SILENT);
    relay.start();
    await quiet();
    expect(publisher.published).toEqual(['1', '2']);
    publisher.setReady(false);
    answers.open([LOST, LOST]);
    publisher.answer = (events) => Promise.resolve(events.map(() => ({ kind: 'confirmed' })));
    await quiet();
    publisher.setReady(true);
    ahead.open();
    await until(() => publisher.published.length >= 6);
    expect(store.log.slice(0, 2)).toEqual(['released 1,2', 'released 3,4']);
    expect(publisher.published).toEqual(['1', '2', '1', '2', '3', '4']);
  });
});

describe('a relay of which an event was refused', () => {
  test('holds back the key in what it has claimed already, until the failure is on record', async () => {
    const store = new FakeStore();
    const publisher = new FakePublisher();
    const ahead = gate();
    const settling = gate();
    store.add(1, 2, 3);
    publisher.answer = (events) =>
      Promise.resolve(
        events.map(({ id }) =>
          id === '1' ? { kind: 'refused', error: new Error('no') } : { kind: 'confirmed' },
        ),
      );
    let claims = 0;
    store.beforeClaim = () => (++claims === 2 ? ahead.opened : Promise.resolve());
    store.beforeSettle = () => settling.opened;
    relay = new OutboxRelay(store.asStore(), publisher, { ...SETTINGS, batchSize: 1 }, undefined, SILENT);
    relay.start();
    await quiet();
    expect(publisher.published).toEqual(['1']);
    // The claim of 2, begun before the refusal of 1 was known, is there; then the refusal is on record.
    ahead.open();
    await quiet();
    store.pending.clear();
    settling.open();
    await quiet();
    expect(publisher.published).toEqual(['1']);
  });

  test('holds back the key, too, in a claim that comes after the failure was recorded but was read before', async () => {
    const store = new FakeStore();
    const publisher = new FakePublisher();
    const ahead = gate();
    store.add(1, 2);
    publisher.answer = (events) =>
      Promise.resolve(events.map(() => ({ kind: 'refused', error: new Error('no') })));
    let claims = 0;
    store.beforeClaim = () => (++claims === 2 ? ahead.opened : Promise.resolve());
    relay = new OutboxRelay(store.asStore(), publisher, { ...SETTINGS, batchSize: 1 }, undefined, SILENT);
    relay.start();
    await until(() => store.log.length > 0);
    store.pending.clear();
    ahead.open();
    await quiet();
    expect(publisher.published).toEqual(['1']);
  });
});
