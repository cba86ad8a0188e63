import { OutboxError } from './outbox.error.js';

/** A handler was named that this process does not have. */
export class UnknownHandlerError extends OutboxError {
  readonly code = 'OUTBOX_UNKNOWN_HANDLER';

  constructor(
    readonly handler: string,
    known: readonly string[],
  ) {
    const those = known.length > 0 ? `It has ${known.join(', ')}` : 'It consumes nothing';
    super(`This process has no handler and no queue "${handler}". ${those}.`);
  }
}
