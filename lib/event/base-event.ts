import { newEventId } from './event-id.js';

/**
 * A base for event classes that want to carry their own metadata. Optional: any decorated class is an event. What it
 * holds is part of the payload, and `emit()` takes the event's id, key (the aggregate's id), correlation and causation
 * from it.
 */
export abstract class BaseEvent {
  readonly id: string = newEventId();
  /** By the clock of this process; the row has the database's. */
  readonly occurredAt: Date = new Date();
  /** Of the aggregate's state that the event brought about, if it has versions. */
  readonly aggregateVersion?: number;
  readonly correlationId?: string;
  readonly causationId?: string;

  constructor(
    readonly aggregateId: string,
    metadata: { aggregateVersion?: number; correlationId?: string; causationId?: string } = {},
  ) {
    Object.assign(this, metadata);
  }
}
