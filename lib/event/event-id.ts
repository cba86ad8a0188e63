import { v7, validate } from 'uuid';

/** A new event id: UUIDv7 (RFC 9562 §5.7), so ids sort by time and stay kind to the index. */
export const newEventId = (): string => v7();

/** Whether the text is a UUID of any version, the only form the outbox table stores. */
export const isEventId = (id: unknown): id is string => typeof id === 'string' && validate(id);
