// A relay, and nothing but a relay.
import { rate } from '../measure.mjs';
import { published, startOutbox } from '../outbox.mjs';

let outbox;

export async function start(site, options) {
  outbox = await startOutbox(site, options);
}

export const pause = () => outbox.relay.pause();

export const resume = () => outbox.relay.resume();

/** Events per second, from the moment a paused relay goes on until so many more are settled. It is paused again. */
export async function drain(events) {
  const { relay } = outbox;
  const goal = relay.counts.published + events;
  const perSecond = await rate(events, async () => {
    relay.resume();
    await published(relay, goal);
  });
  relay.pause();
  return perSecond;
}

export const close = () => outbox.close();
