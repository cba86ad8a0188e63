import { OutboxError } from './outbox.error.js';

/** No queue is bound for the event’s routing key, and `requireRoute` of the event or `rabbitmq.unroutable` make that a failure. */
export class UnroutableEventError extends OutboxError {
  readonly code = 'OUTBOX_UNROUTABLE_EVENT';

  /** @param required whether the event itself asks for a route, whatever the module says */
  constructor(type: string, exchange: string, required = false) {
    const wayOut = required ? 'emit it without requireRoute' : "set rabbitmq.unroutable to 'record'";
    super(
      `No queue is bound to exchange "${exchange}" for routing key "${type}" (basic.return 312 NO_ROUTE). Start the ` +
        `service that handles it, or ${wayOut}.`,
    );
  }
}
