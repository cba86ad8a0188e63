import { describeValue } from './describe-value.js';
import { OutboxError } from './outbox.error.js';

/** An option of `emit()` (`key`, `id`, `headers`, `delay`, …) that the broker or the table could not carry. */
export class InvalidEventOptionError extends OutboxError {
  readonly code = 'OUTBOX_INVALID_EVENT_OPTION';

  constructor(type: string, option: string, rule: string, got: unknown) {
    super(`Cannot emit "${type}": option ${option} ${rule}, got ${describeValue(got)}.`);
  }
}
