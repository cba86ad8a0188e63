import { describeValue } from './describe-value.js';
import { OutboxError } from './outbox.error.js';

/** An event type that cannot be a routing key (AMQP 0-9-1 §3.1.3.3, short string of 255 bytes). */
export class InvalidEventTypeError extends OutboxError {
  readonly code = 'OUTBOX_INVALID_EVENT_TYPE';

  constructor(type: unknown, reason: string) {
    super(
      `${describeValue(type)} is not a legal event type: ${reason}. ` +
        "The type is also the routing key: words separated by dots, as in 'order.placed'.",
    );
  }
}
