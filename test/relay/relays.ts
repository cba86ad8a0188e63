import { afterEach } from '@jest/globals';
import { OutboxRelay, type RelaySettings } from '../../lib/relay/relay.js';
import { SETTINGS, SILENT, type FakePublisher, type FakeStore } from './fakes.js';

let made: OutboxRelay[] = [];

/** On fakes, and ended after the test. */
export function makeRelay(
  store: FakeStore,
  publisher: FakePublisher,
  settings: Partial<RelaySettings> = {},
  logger: ConstructorParameters<typeof OutboxRelay>[4] = SILENT,
): OutboxRelay {
  const relay = new OutboxRelay(store.asStore(), publisher, { ...SETTINGS, ...settings }, undefined, logger);
  made.push(relay);
  return relay;
}

export function startRelay(...parts: Parameters<typeof makeRelay>): OutboxRelay {
  const relay = makeRelay(...parts);
  relay.start();
  return relay;
}

afterEach(async () => {
  const relays = made;
  made = [];
  for (const relay of relays) relay.stop();
  await Promise.all(relays.map((relay) => relay.finished(1_000)));
});
