import { OutboxError } from './outbox.error.js';

/** `outbox.transaction()` asked for an isolation level inside a transaction that already has one. */
export class TransactionAlreadyRunningError extends OutboxError {
  readonly code = 'OUTBOX_TRANSACTION_ALREADY_RUNNING';

  constructor(isolation: string) {
    super(
      `outbox.transaction() with isolation ${isolation} was called inside a running transaction. Nested calls join the ` +
        'outer transaction, whose isolation level can no longer change: set it on the outermost call.',
    );
  }
}
