import { OutboxError } from './outbox.error.js';

export interface PayloadIssue {
  /** Where in the payload, as `address.city`; empty for the payload itself. */
  readonly path: string;
  readonly message: string;
}

/** The payload breaks the rules declared for it: the schema of its `@OutboxEvent()`, or class-validator decorators. */
export class InvalidPayloadError extends OutboxError {
  readonly code = 'OUTBOX_INVALID_PAYLOAD';

  constructor(
    type: string,
    readonly issues: readonly PayloadIssue[],
  ) {
    const list = issues.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('; ');
    super(`Cannot emit "${type}": its payload breaks the rules of its event class: ${list}.`);
  }
}
