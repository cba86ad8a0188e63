// A relay, and nothing but a relay: to be killed, frozen and cut off.
import { startOutbox } from '../../bench/outbox.mjs';

let outbox;

export async function start(site, options) {
  outbox = await startOutbox(site, options);
}

export const counts = () => outbox.relay.counts;

/** Bytes of this process that are in memory. */
export const memory = () => process.memoryUsage.rss();

export const close = () => outbox.close();
