/**
 * Base of every error this library throws. `code` is stable across versions and
 * is what programs should decide by; the message is for people and may change.
 */
export abstract class OutboxError extends Error {
  /** Stable identifier, for example `OUTBOX_TRANSACTION_REQUIRED`. */
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}
