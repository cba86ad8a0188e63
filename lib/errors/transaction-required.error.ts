import { OutboxError } from './outbox.error.js';

/** What was to be done in the transaction. */
export type OutboxAction = 'emit' | 'cancel';

/** `emit()` or `cancel()` was called with a handle that is not inside a running transaction, or with none outside of any. */
export class TransactionRequiredError extends OutboxError {
  readonly code = 'OUTBOX_TRANSACTION_REQUIRED';

  constructor(subject: string, got: string, action: OutboxAction = 'emit') {
    super(
      `Cannot ${action} "${subject}": ${got}. An event must be written in the transaction it belongs to, or a crash ` +
        'between the two would lose or invent it. Do it inside one: ' +
        'await dataSource.transaction(async (manager) => { …; ' +
        `await outbox.${action}(manager, '${subject}'${action === 'emit' ? ', payload' : ''}); }), ` +
        'or pass a QueryRunner after startTransaction().',
    );
  }
}
