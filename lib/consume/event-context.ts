import type { EventHeaders } from '../event/envelope.js';
import type { CloudEventAttributes } from '../event/wire/cloud-event.js';
import type { IncomingMessage } from '../broker/subscriber.js';

/** What a handler may know about the event besides its payload; injected by `@Ctx()` or as the second argument. */
export class EventContext<Message = unknown> {
  /** Id of the event, the same at every attempt and for every handler. */
  readonly id: string;
  readonly type: string;
  readonly routingKey: string;
  readonly key: string | undefined;
  /** Headers given at `emit()`. */
  readonly headers: EventHeaders;
  /** 1 at the first attempt. */
  readonly attempt: number;
  /** The broker has delivered it before: the handler may have run, wholly or in part. */
  readonly redelivered: boolean;
  readonly correlationId: string | undefined;
  readonly causationId: string | undefined;
  readonly trackingIds: readonly string[];
  /** When it was emitted, to the second. */
  readonly occurredAt: Date | undefined;
  /** Attributes of a CloudEvent (`source`, `subject`, `time` …), if it came as one. */
  readonly cloudEvent: CloudEventAttributes | undefined;
  /** The handler's queue. */
  readonly queue: string;
  /** The message as the broker's client delivered it. */
  readonly message: Message;
  /** Aborts when the message has been taken away: its channel is gone, and it will be delivered again. */
  readonly signal: AbortSignal;

  constructor(message: IncomingMessage, queue: string, signal: AbortSignal) {
    this.id = message.id;
    this.type = message.type;
    this.routingKey = message.routingKey;
    this.key = message.key;
    this.headers = message.headers;
    this.attempt = message.attempt;
    this.redelivered = message.redelivered;
    this.correlationId = message.correlationId;
    this.causationId = message.causationId;
    this.trackingIds = message.trackingIds;
    this.occurredAt = message.occurredAt;
    this.cloudEvent = message.cloudEvent;
    this.queue = queue;
    this.message = message.raw as Message;
    this.signal = signal;
  }
}
