import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Codec, CodecName } from './codec.js';
import type { EventType } from './registry.js';
import type { WireFormat } from './wire/format.js';

/** What a class of events has in common. */
export interface OutboxEventOptions<Event extends object = object> {
  /** Version of the payload's shape; travels in the header `outbox-version`. */
  version?: number;
  /** The key an event's order goes by: events with the same key are published in the order they were emitted. */
  key?: (event: Event) => string | undefined;
  /** Checked at `emit()`: zod, valibot, arktype, or any other Standard Schema. What it makes of the event is emitted. */
  schema?: StandardSchemaV1;
  /** Where the event comes from, if not from the service itself; travels in the header `outbox-source`. */
  source?: string;
  /** Default: the module's `emit.codec`. */
  codec?: CodecName | Codec;
  /** How it looks on the wire. Default: the module's `format`. */
  format?: WireFormat;
  /** Whether it is a failure of such an event that no queue is bound for it. Default: the module's `rabbitmq.unroutable`. */
  requireRoute?: boolean;
}

export interface EventDescription extends OutboxEventOptions<never> {
  readonly type: string;
}

/** A class whose instances are events. */
export type EventClass<Event extends object = object> = abstract new (...args: never[]) => Event;

const OUTBOX_EVENT = Symbol('nestjs-rabbitmq-outbox:outbox-event');

/**
 * Gives a class its event type, so that `emit(new OrderPlaced(…))` and `@OnEvent(OrderPlaced)` need nothing else.
 * @param type stable name, also the routing key; never derived from the class name, which refactorings change
 */
export function OutboxEvent<Event extends object = object>(
  type: EventType,
  options: OutboxEventOptions<Event> = {},
) {
  return (target: EventClass<Event>): void =>
    Reflect.defineMetadata(OUTBOX_EVENT, { type, ...options }, target);
}

/** What `@OutboxEvent()` says of a class or of an instance's class; also of classes that extend it. */
export function eventDescription(event: object): EventDescription | undefined {
  const target = typeof event === 'function' ? event : (event.constructor as object | undefined);
  return target && (Reflect.getMetadata(OUTBOX_EVENT, target) as EventDescription | undefined);
}
