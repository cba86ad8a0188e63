import { OutboxError } from './outbox.error.js';

/** `emit()` was called inside a transaction of another data source than the outbox's. */
export class WrongDataSourceError extends OutboxError {
  readonly code = 'OUTBOX_WRONG_DATA_SOURCE';

  constructor(type: string, expected: string) {
    super(
      `Cannot emit "${type}": the transaction belongs to another data source than this outbox ("${expected}"), so the ` +
        'event would not commit with it. Register an OutboxModule for that data source (option storage.dataSource), ' +
        'or emit in a transaction of this one.',
    );
  }
}
