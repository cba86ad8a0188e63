import { OutboxError } from './outbox.error.js';

/** `emit()` was called with a handle that is not inside a running transaction. */
export class TransactionRequiredError extends OutboxError {
  readonly code = 'OUTBOX_TRANSACTION_REQUIRED';

  constructor(type: string, got: string) {
    super(
      `Cannot emit "${type}": ${got}. An event must be written in the transaction it belongs to, or a crash ` +
        'between the two would lose or invent it. Emit inside one: ' +
        'await dataSource.transaction(async (manager) => { …; await outbox.emit(manager, ' +
        `'${type}', payload); }), or pass a QueryRunner after startTransaction().`,
    );
  }
}
