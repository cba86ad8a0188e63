import { OutboxError } from './outbox.error.js';

/** A dead letter cannot be put back: the queue of the handler it died at is not there. */
export class HandlerQueueMissingError extends OutboxError {
  readonly code = 'OUTBOX_HANDLER_QUEUE_MISSING';

  constructor(queue: string) {
    super(
      `There is no queue ${queue} to put it on. Start a process with that handler first; if the handler is gone for good, ` +
        'or is a broadcast, whose queues go with their processes, purge its dead letters.',
    );
  }
}
