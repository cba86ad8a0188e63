import { OutboxError } from './outbox.error.js';

/** The broker would not take this one message: a nack, a channel error it caused, or an illegal property. */
export class PublishRefusedError extends OutboxError {
  readonly code = 'OUTBOX_PUBLISH_REFUSED';
}
