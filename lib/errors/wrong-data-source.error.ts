import { OutboxError } from './outbox.error.js';
import type { OutboxAction } from './transaction-required.error.js';

/** `emit()` was called inside a transaction of another data source than the outbox's. */
export class WrongDataSourceError extends OutboxError {
  readonly code = 'OUTBOX_WRONG_DATA_SOURCE';

  constructor(subject: string, expected: string, action: OutboxAction = 'emit') {
    super(
      `Cannot ${action} "${subject}": the transaction belongs to another data source than this outbox ("${expected}"), so the ` +
        'event would not commit with it. Register an OutboxModule for that data source (option storage.dataSource), ' +
        'or do it in a transaction of this one.',
    );
  }
}
