import { OutboxError } from './outbox.error.js';

/**
 * A handler returned although a statement in its inbox transaction had failed: the error was caught, and a commit would
 * have undone everything without a word. It counts as an error of the handler.
 */
export class TransactionSpoiltError extends OutboxError {
  readonly code = 'OUTBOX_TRANSACTION_SPOILT';

  constructor(consumer: string) {
    super(
      `The handler of ${consumer} returned, but a statement in its transaction had failed before, so that nothing of it can be committed. Let the error through, or put what may fail into a savepoint: context.manager.transaction(async (manager) => …).`,
    );
  }
}
