import type { Codec, CodecName } from '../event/codec.js';
import type { EventHeaders } from '../event/envelope.js';
import type { EventType, PayloadOf } from '../event/registry.js';
import type { WireFormat } from '../event/wire/format.js';
import type { Duration } from '../policy/duration.js';

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
  /** Ties together the messages of one business process. Default: that of the event being handled. At most 255 bytes. */
  correlationId?: string;
  /** Id of the message that caused this one. Default: that of the event being handled. */
  causationId?: string;
  /** Publish to this exchange instead of the module's. It must exist. */
  exchange?: string;
  /** How the payload becomes bytes. Default: the event class's, else `emit.codec` of the module. */
  codec?: CodecName | Codec;
  /** How it looks on the wire. Default: the event class's, else `format` of the module. */
  format?: WireFormat;
  /** Content type to send instead of the codec's own. */
  contentType?: string;
  /** 0–255, for queues declared with priorities. */
  priority?: number;
  /**
   * `true`: if no queue is bound for the event, that is a failure, and it is tried again until there is one, or until it is
   * dead. `false`: it is recorded, and the event counts as published. Default: the event class's, else
   * `rabbitmq.unroutable` of the module.
   */
  requireRoute?: boolean;
}

/**
 * One element of `emitMany()`: a type with its payload and options, or an instance of an event class. An instance that
 * has a member `payload` of its own cannot be told from the former by the compiler: emit it by `emit()`.
 */
export type EventToEmit =
  | { [Type in EventType]: EmitOptions & { type: Type; payload: PayloadOf<Type> } }[EventType]
  | (object & { payload?: never });
