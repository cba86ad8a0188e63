import { describe, expect, test } from '@jest/globals';
import type { EventPublisher } from '../../lib/broker/publisher.js';
import { OutboxRelay } from '../../lib/relay/relay.js';
import type { Claim, ClaimedEvent, EventReader, OutboxStore } from '../../lib/store/store.js';

const SETTINGS = {
  pollInterval: 3_600_000,
  batchSize: 10,
  window: 100,
  publishTimeout: 1_000,
  unroutable: 'record',
  exchange: 'events',
  attempts: 3,
  backoff: { delay: 1, factor: 1, maxDelay: 1, jitter: 'none' },
} as const;

const publisher: EventPublisher = {
  ready: true,
  onReadyChange: () => () => undefined,
  publish: (events) => Promise.resolve(events.map(() => ({ kind: 'confirmed' as const }))),
};

describe('drain()', () => {
  test('waits for rows that the running loop is about to claim, which no claim of its own can see', async () => {
    const loopClaims = gate();
    const log: string[] = [];
    const claim: Claim = {
      events: [{ seq: '1', body: Buffer.alloc(1), key: null, attempts: 0 } as ClaimedEvent],
      settle: () => Promise.resolve(void log.push('settled')),
      release: () => Promise.resolve(),
    };
    const claims = [loopClaims.opened.then(() => claim)];
    const loopReader: EventReader = {
      rewind: () => undefined,
      claim: () => claims.shift() ?? Promise.resolve(undefined),
    };
    const otherReader: EventReader = {
      rewind: () => undefined,
      claim: () => {
        setImmediate(loopClaims.open);
        return Promise.resolve(undefined);
      },
    };
    const readers = [loopReader];
    const store = { openReader: () => readers.shift() ?? otherReader } as unknown as OutboxStore;
    const relay = new OutboxRelay(store, publisher, SETTINGS, undefined, { log() {}, warn() {} });
    relay.start();
    await relay.drain();
    log.push('drained');
    relay.stop();
    await relay.finished(1_000);
    expect(log).toEqual(['settled', 'drained']);
  });
});

function gate(): { opened: Promise<void>; open: () => void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
