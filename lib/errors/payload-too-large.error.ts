import { OutboxError } from './outbox.error.js';

/** The encoded payload is larger than `emit.maxPayload`. */
export class PayloadTooLargeError extends OutboxError {
  readonly code = 'OUTBOX_PAYLOAD_TOO_LARGE';

  constructor(type: string, size: number, limit: number) {
    super(
      `Cannot emit "${type}": its payload is ${size} bytes encoded, the limit is ${limit} (option emit.maxPayload). ` +
        'Store the large part elsewhere and emit a reference to it, or raise the limit together with the broker’s ' +
        'max_message_size.',
    );
  }
}
