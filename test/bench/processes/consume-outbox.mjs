// This library: an @OnEvent() handler in a Nest application. The queue is the one all consumers share.
import { trace } from '@opentelemetry/api';
import { OnEvent } from '../../../dist/lib/index.js';
import { observing } from '../observing.mjs';
import { startOutbox } from '../outbox.mjs';
import { HandlerCount } from './handler-count.mjs';

const count = new HandlerCount();
let site;
let imports;
let handle = () => count.handled();

/**
 * `watched` is how: `'metrics'`, `'tracing'`, or not at all. With `'span'` the handler makes one itself, the barest there
 * is: what a span costs whoever it is that makes it.
 */
export async function start(where, watched) {
  site = where;
  imports = observing(watched);
  if (watched !== 'span') return;
  const tracer = trace.getTracer('bench');
  handle = () => {
    tracer.startSpan('handle').end();
    count.handled();
  };
}

/** `options` are the handler's. */
export async function consume(events, prefetch, options = {}) {
  class Consumer {
    handle() {
      handle();
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(Consumer.prototype, 'handle');
  OnEvent('bench.event', { queue: site.queue, prefetch, ...options })(
    Consumer.prototype,
    'handle',
    descriptor,
  );
  const done = count.expect(events);
  const outbox = await startOutbox(
    site,
    { consumers: { enabled: true }, relay: { enabled: false }, rabbitmq: { topology: 'none' } },
    { providers: [Consumer], imports },
  );
  const result = await done;
  await outbox.close();
  return result;
}
