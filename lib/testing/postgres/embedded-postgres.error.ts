import { OutboxError } from '../../errors/outbox.error.js';

/** A private PostgreSQL could not be found, initialised or started. The message says which, and what to do. */
export class EmbeddedPostgresError extends OutboxError {
  readonly code = 'OUTBOX_EMBEDDED_POSTGRES';
}
