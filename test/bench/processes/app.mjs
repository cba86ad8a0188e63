// An application that emits, relays and handles, or does one of these: by its options.
import { setTimeout as sleep } from 'node:timers/promises';
import { OnEvent } from '../../../dist/lib/index.js';
import { startOutbox } from '../outbox.mjs';
import { now, onSchedule } from './clock.mjs';

let outbox;
/** Number of an event → when its handler began. */
let handled;

export async function start(site, options, queue) {
  class Handlers {
    handle({ n }) {
      handled[n] = now();
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(Handlers.prototype, 'handle');
  OnEvent('bench.event', { queue })(Handlers.prototype, 'handle', descriptor);
  outbox = await startOutbox(site, options, { providers: [Handlers] });
}

/** One transaction per event. Resolves to the times at which each was about to commit, and at which it had committed. */
export async function emit(perSecond, count) {
  const times = { committing: new Float64Array(count), committed: new Float64Array(count) };
  await onSchedule(perSecond, count, (n) => emitOne(n, times));
  return times;
}

async function emitOne(n, { committing, committed }) {
  await outbox.dataSource.transaction(async (manager) => {
    await outbox.outbox.emit(manager, 'bench.event', { n });
    committing[n] = now();
  });
  committed[n] = now();
}

/** From now on, events are counted from 0. */
export function expect(count) {
  handled = new Float64Array(count);
}

/** Resolves to when each event's handler began, once all have. */
export async function handlings() {
  while (handled.includes(0)) await sleep(20);
  return handled;
}

export const close = () => outbox.close();
