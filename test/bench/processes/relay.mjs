// A relay, and nothing but a relay.
import { rate } from '../measure.mjs';
import { observing } from '../observing.mjs';
import { published as publishedBy, startOutbox } from '../outbox.mjs';

let outbox;
let goal = 0;

/** `watched` is how: `'metrics'`, `'tracing'`, or not at all. */
export async function start(site, options, watched) {
  outbox = await startOutbox(site, options, { imports: observing(watched) });
}

export const pause = () => outbox.relay.pause();

export const resume = () => outbox.relay.resume();

/** Events per second, from the moment a paused relay goes on until so many more are settled. It is paused again. */
export async function drain(events) {
  const perSecond = await rate(events, async () => {
    outbox.relay.resume();
    await published(events);
  });
  outbox.relay.pause();
  return perSecond;
}

/** The same where more is left than is drained: what is settled beyond that until it is paused counts, too. */
export async function drainSome(events) {
  const { relay } = outbox;
  const before = relay.counts.published;
  const started = performance.now();
  relay.resume();
  await publishedBy(relay, before + events);
  const perSecond = (relay.counts.published - before) / ((performance.now() - started) / 1000);
  relay.pause();
  while ((await relay.stats()).inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  return perSecond;
}

/** Resolves when it has published so many more. */
export async function published(events) {
  goal += events;
  await publishedBy(outbox.relay, goal);
}

export const close = () => outbox.close();
