import { OutboxError } from './outbox.error.js';

/** The broker cannot be reached, or what was in flight to it has an unknown fate. */
export class BrokerUnavailableError extends OutboxError {
  readonly code = 'OUTBOX_BROKER_UNAVAILABLE';
}
