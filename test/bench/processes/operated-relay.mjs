// A relay whose operators look at it all the time: statistics, dead letters, metrics, health.
import { Registry } from 'prom-client';
import { DeadLetters } from '../../../dist/lib/index.js';
import { OutboxPrometheusModule } from '../../../dist/lib/observe/prometheus/index.js';
import { OutboxHealthIndicator, OutboxHealthModule } from '../../../dist/lib/observe/terminus/index.js';
import { rate } from '../measure.mjs';
import { published, startOutbox } from '../outbox.mjs';

const registry = new Registry();
let outbox;
let questions;
let goal = 0;

export async function start(site, options) {
  const imports = [OutboxPrometheusModule.forRoot({ registry }), OutboxHealthModule.forRoot({ cache: 0 })];
  outbox = await startOutbox(site, options, { imports });
  const health = outbox.app.get(OutboxHealthIndicator, { strict: false });
  const deadLetters = outbox.app.get(DeadLetters);
  questions = {
    stats: () => outbox.relay.stats(),
    list: () => deadLetters.list({ where: 'publishing' }),
    metrics: () => registry.metrics(),
    health: () => health.isHealthy('outbox'),
  };
}

export const pause = () => outbox.relay.pause();

/** Asks everything once, one after the other. Resolves to the milliseconds that each answer took. */
export async function ask() {
  const times = {};
  for (const [name, question] of Object.entries(questions)) {
    const asked = performance.now();
    await question();
    times[name] = performance.now() - asked;
  }
  return times;
}

/** As a relay's `drain`; `interval` is how often it is asked everything meanwhile, in ms. */
export async function drain(events, interval) {
  const longest = {};
  goal += events;
  let over = false;
  const asking = interval ? askUntil(() => over, interval, longest) : undefined;
  const perSecond = await rate(events, async () => {
    outbox.relay.resume();
    await published(outbox.relay, goal);
  });
  over = true;
  await asking;
  outbox.relay.pause();
  return { perSecond, longest };
}

async function askUntil(over, interval, longest) {
  while (!over()) {
    for (const [name, ms] of Object.entries(await ask())) longest[name] = Math.max(longest[name] ?? 0, ms);
    await new Promise((resolve) => setTimeout(resolve, interval));
  }
}

export const close = () => outbox.close();
