import { OutboxError } from './outbox.error.js';

/** What was asked of `DeadLetters` is not clear enough to act on. Nothing was done. */
export class InvalidDeadLetterFilterError extends OutboxError {
  readonly code = 'OUTBOX_INVALID_DEAD_LETTER_FILTER';

  /** @param problem how the filter fails, as what follows "The filter" */
  constructor(problem: string) {
    super(`The filter ${problem}.`);
  }
}
