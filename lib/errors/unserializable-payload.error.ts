import { OutboxError } from './outbox.error.js';

/** The codec could not turn the payload into bytes, or would have lost data in silence. */
export class UnserializablePayloadError extends OutboxError {
  readonly code = 'OUTBOX_UNSERIALIZABLE_PAYLOAD';

  constructor(type: string, reason: string, options?: ErrorOptions) {
    super(`Cannot emit "${type}": its payload cannot be encoded: ${reason}.`, options);
  }
}
