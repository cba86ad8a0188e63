// What it costs to be watched: the relay, and a handler that does nothing, with metrics and with traces, beside neither.
import { randomBytes } from 'node:crypto';
import { inTurn, ratio } from '../measure.mjs';
import { startOutbox } from '../outbox.mjs';

const EVENTS = Number(process.env.BENCH_EVENTS ?? 40_000);
/** A handler is twice as fast. */
const MESSAGES = 2 * EVENTS;
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7);
const PREFETCH = Number(process.env.BENCH_PREFETCH ?? 100);
const BYTES = 1_024;
const PAYLOAD = Buffer.alloc(BYTES, 'x');
const MESSAGE = Buffer.from(JSON.stringify({ id: 1, text: 'x'.repeat(BYTES - 20) }));

export default async function observe(scope) {
  const stage = await scope.stage('observe');
  const backlog = scope.process('backlog');
  await backlog.call('start', stage.site);
  const figures = await inTurn(ROUNDS, {
    relay: await relay(scope, stage, 'off'),
    relayMetrics: await relay(scope, stage, 'metrics'),
    relayTracing: await relay(scope, stage, 'tracing'),
    handler: await handler(scope, stage, backlog, 'off'),
    handlerMetrics: await handler(scope, stage, backlog, 'metrics'),
    handlerTracing: await handler(scope, stage, backlog, 'tracing'),
    handlerBareSpan: await handler(scope, stage, backlog, 'span'),
  });
  const ratios = Object.keys(figures)
    .filter((name) => WATCHED.test(name))
    .map((name) => [name, ratio(figures[name], figures[name.replace(WATCHED, '')])]);
  return { figures, ratios: Object.fromEntries(ratios) };
}

const WATCHED = /Metrics|Tracing|BareSpan/;

/** All of them sampled, each event from a request of its own: the dearest case. */
const traceparent = () => `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;

async function relay(scope, stage, how) {
  const site = await stage.sibling(how);
  const options = { retention: 0 };
  const filler = await startOutbox(site, { ...options, relay: { enabled: false } });
  scope.onEnd(() => filler.close());
  const relaying = scope.process('relay');
  await relaying.call('start', site, options, how);
  await relaying.call('pause');
  const make = how === 'tracing' ? () => ({ headers: { traceparent: traceparent() } }) : () => ({});
  return async () => {
    await stage.purge();
    await stage.database.query(`TRUNCATE ${site.schema}.outbox`);
    await filler.fill(EVENTS, PAYLOAD, make);
    await stage.database.query(`ANALYZE ${site.schema}.outbox`);
    await stage.settle();
    return relaying.call('drain', EVENTS);
  };
}

async function handler(scope, stage, backlog, how) {
  const consumer = scope.process('consume-outbox');
  await consumer.call('start', stage.site, how);
  const headers = how === 'tracing' ? { traceparent: traceparent() } : {};
  return async () => {
    await stage.purge();
    await backlog.call('fill', MESSAGES, MESSAGE, headers);
    const { perSecond } = await consumer.call('consume', MESSAGES, PREFETCH);
    return perSecond;
  };
}
