import { OutboxError } from './outbox.error.js';

/** No queue is bound for the event’s routing key, and `rabbitmq.unroutable` is `'fail'`. */
export class UnroutableEventError extends OutboxError {
  readonly code = 'OUTBOX_UNROUTABLE_EVENT';

  constructor(type: string, exchange: string) {
    super(
      `No queue is bound to exchange "${exchange}" for routing key "${type}" (basic.return 312 NO_ROUTE). Start the ` +
        "service that handles it, or set rabbitmq.unroutable to 'record'.",
    );
  }
}
