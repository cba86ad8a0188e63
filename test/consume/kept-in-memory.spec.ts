import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import type { Delivery } from '../../lib/broker/subscriber.js';
import { BatchRunner } from '../../lib/consume/batch/batch-runner.js';
import type { Handler } from '../../lib/consume/handler.js';
import { HandlerRunner } from '../../lib/consume/handler-runner.js';
import type { OpenedMessage } from '../../lib/consume/payload/message-reader.js';
import { Tracking } from '../../lib/event/tracking.js';

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What a handler may leave behind: as long as it lives, it keeps the asynchronous context that it began in. */
const kept: Array<Promise<never>> = [];

const handler = {
  name: 'Worker.handle',
  queue: 'shop.Worker.handle',
  form: 'decoded',
  prefetch: 10,
  concurrency: 10,
  invoke: async () => void kept.push(new Promise<never>(() => undefined)),
} as unknown as Handler;

const drain = { signal: new AbortController().signal };
const delivery = { lost: new AbortController().signal };

function opened(payload: object): OpenedMessage {
  const message = { id: '1', trackingIds: [], headers: {} } as unknown as OpenedMessage['message'];
  return { message, payload: () => payload };
}

async function handled(): Promise<WeakRef<object>> {
  const payload = { large: 'x'.repeat(1_000) };
  const runner = new HandlerRunner(handler, 'queue', new Tracking(), undefined, drain);
  await runner.run(opened(payload), delivery);
  return new WeakRef(payload);
}

async function handledInBatch(): Promise<WeakRef<object>> {
  const payload = { large: 'x'.repeat(1_000) };
  const runner = new BatchRunner(
    { ...handler, batch: { size: 2, wait: 0, prepare: undefined } },
    'queue',
    new Tracking(),
    undefined,
    drain,
  );
  await runner.run(
    [payload, {}].map((one) => ({ opened: opened(one), delivery: delivery as Delivery })),
    delivery.lost,
  );
  return new WeakRef(payload);
}

test.each([
  ['an event', handled],
  ['a batch', handledInBatch],
])('what the handler of %s leaves behind does not keep the payload', async (_what, handle) => {
  const before = kept.length;
  const payload = await handle();
  await nextTurn();
  collectGarbage();
  expect(kept.length).toBe(before + 1);
  expect(payload.deref()).toBeUndefined();
});
