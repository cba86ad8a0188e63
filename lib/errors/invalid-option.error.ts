import { OutboxError } from './outbox.error.js';

/** One or more options of `OutboxModule` are wrong. All of them are named at once. */
export class InvalidOptionError extends OutboxError {
  readonly code = 'OUTBOX_INVALID_OPTION';

  constructor(readonly problems: readonly string[]) {
    super(`OutboxModule cannot start:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }
}
