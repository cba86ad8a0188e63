import { OutboxError } from './outbox.error.js';

/** A handler has run past its `timeout`. It counts as an error of the handler, which goes on until it ends by itself. */
export class HandlerTimeoutError extends OutboxError {
  readonly code = 'OUTBOX_HANDLER_TIMEOUT';

  constructor(
    readonly handler: string,
    /** Milliseconds. */
    readonly timeout: number,
  ) {
    super(
      `${handler} has not ended within its timeout of ${timeout} ms. It goes on until it ends by itself, unless it heeds context.signal.`,
    );
  }
}
