import { OutboxError } from './outbox.error.js';

/** A message whose body is not what its content type says. It goes to the dead letters at once. */
export class UndecodableMessageError extends OutboxError {
  readonly code = 'OUTBOX_UNDECODABLE_MESSAGE';

  constructor(contentType: string, reason: string, options?: ErrorOptions) {
    super(`The message body cannot be decoded as ${contentType}: ${reason}`, options);
  }
}
