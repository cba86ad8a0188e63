import { OutboxError } from './outbox.error.js';

/** The user's `archive` threw, or did not come to an end. */
export class ArchiveFailedError extends OutboxError {
  readonly code = 'OUTBOX_ARCHIVE_FAILED';

  constructor(count: number, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(
      `archive did not take ${count} published events, which stay in the outbox and are offered again: ${reason}`,
      {
        cause,
      },
    );
  }
}
