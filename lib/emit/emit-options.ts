import type { Duration } from '../policy/duration.js';
import type { EventHeaders } from '../event/envelope.js';

/** How one event is emitted. */
export interface EmitOptions {
  /** Events with the same key are published in the order they were emitted. At most 255 bytes. */
  key?: string;
  /** The event's id, a UUID. Emitting the same id twice writes one row. Default: a new UUIDv7. */
  id?: string;
  /** Strings, numbers and booleans that travel with the message. Names must not begin with `x-` or `outbox-`. */
  headers?: EventHeaders;
  /** How long the broker may hold the message before it drops it. Default: `emit.expiration` of the module. */
  expiration?: Duration;
  /** Publish no sooner than this long after the emit, by the database's clock. Not together with `availableAt`. */
  delay?: Duration;
  /** Publish no sooner than this moment, by the database's clock. */
  availableAt?: Date;
  /** Ties together the messages of one business process. At most 255 bytes. */
  correlationId?: string;
  /** Id of the message that caused this one. */
  causationId?: string;
  /** Publish to this exchange instead of the module's. It must exist. */
  exchange?: string;
  /** Content type of a payload given as bytes. Default `application/octet-stream`. */
  contentType?: string;
  /** 0–255, for queues declared with priorities. */
  priority?: number;
}

/** One element of `emitMany()`. */
export interface EventToEmit extends EmitOptions {
  type: string;
  payload: unknown;
}
