import { OutboxError } from './outbox.error.js';

/** Another operator has had hands on a dead-letter queue for so long that we stopped waiting. */
export class DeadLettersBusyError extends OutboxError {
  readonly code = 'OUTBOX_DEAD_LETTERS_BUSY';

  constructor(queue: string, waited: number) {
    super(
      `Another operator has had hands on ${queue} for more than ${Math.round(waited / 1_000)} s. ` +
        'Try again when the requeue or purge that runs elsewhere is done, or end it.',
    );
  }
}
