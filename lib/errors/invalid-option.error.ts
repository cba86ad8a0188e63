import { OutboxError } from './outbox.error.js';

/** One or more options are wrong. All of them are named at once. */
export class InvalidOptionError extends OutboxError {
  readonly code = 'OUTBOX_INVALID_OPTION';

  constructor(
    readonly problems: readonly string[],
    what = 'OutboxModule cannot start',
  ) {
    super(`${what}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }
}
