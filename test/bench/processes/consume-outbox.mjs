// This library: an @OnEvent() handler in a Nest application. The queue is the one all consumers share.
import { OnEvent } from '../../../dist/lib/index.js';
import { startOutbox } from '../outbox.mjs';
import { HandlerCount } from './handler-count.mjs';

const count = new HandlerCount();
let site;

export async function start(where) {
  site = where;
}

/** `options` are the handler's. */
export async function consume(events, prefetch, options = {}) {
  class Consumer {
    handle() {
      count.handled();
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
    { providers: [Consumer] },
  );
  const result = await done;
  await outbox.close();
  return result;
}
