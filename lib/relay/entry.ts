import type { PendingEvent } from '../store/store.js';
import type { Pass } from './pass.js';

/** An event between the table and the broker's answer on record. */
export class Entry {
  /** On its way: published, and not answered yet. */
  isSent = false;
  /** When it was sent, by the monotonic clock, in milliseconds. */
  sentAt = 0;
  /** The broker has answered, which is to be recorded. */
  isAnswered = false;

  constructor(
    /** As it was last read. */
    public event: PendingEvent,
    /** Who wants to know what becomes of it. */
    readonly pass?: Pass | undefined,
  ) {}
}
