import type { PayloadIssue } from './invalid-payload.error.js';
import { OutboxError } from './outbox.error.js';

/** A list of ten thousand items can break ten thousand rules. */
const TOLD = 10;

/**
 * A message whose payload breaks the rules its handler declares: a `schema`, or class-validator decorators on the class
 * of its parameter; or that cannot be made an instance of that class. It goes to the dead letters at once.
 */
export class InvalidMessageError extends OutboxError {
  readonly code = 'OUTBOX_INVALID_MESSAGE';

  constructor(
    /** The class, or what else the rules belong to. */
    rules: string,
    readonly issues: readonly PayloadIssue[],
    options?: ErrorOptions,
  ) {
    const told = issues.slice(0, TOLD).map(({ path, message }) => (path ? `${path}: ${message}` : message));
    const more = issues.length > TOLD ? `; and ${issues.length - TOLD} more` : '';
    super(`The payload is not what ${rules} asks for: ${told.join('; ')}${more}.`, options);
  }
}
