import { OutboxError } from './outbox.error.js';

/** An `@OnEvent()` method that cannot be registered as it is written. */
export class InvalidHandlerError extends OutboxError {
  readonly code = 'OUTBOX_INVALID_HANDLER';

  constructor(handler: string, reason: string) {
    super(`@OnEvent() on ${handler}: ${reason}`);
  }
}
