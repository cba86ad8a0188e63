import { OutboxError } from './outbox.error.js';

/** A queue is there that the handler had with another number of partitions: events go on coming to it. */
export class PartitionsChangedError extends OutboxError {
  readonly code = 'OUTBOX_PARTITIONS_CHANGED';

  constructor(
    /** The queue that should not be there. */
    readonly queue: string,
    /** The handler's. */
    readonly handlerQueue: string,
  ) {
    super(
      `Queue "${queue}" exists from when "${handlerQueue}" had other partitions. It may still get events, and nobody would ` +
        'take them. Nothing was changed. Ways out: give partitions the value it had; or stop publishing, let all of its ' +
        'queues run empty, and delete them and their exchange, so that they are declared anew.',
    );
  }
}
