import type { EntityManager } from 'typeorm';
import { InboxRequiredError } from '../errors/inbox-required.error.js';
import type { EventHeaders } from '../event/envelope.js';
import type { CloudEventAttributes } from '../event/wire/cloud-event.js';
import type { IncomingMessage } from '../broker/subscriber.js';

/** What the run of a handler adds to its message. */
export interface HandlerRun {
  readonly signal: AbortSignal;
}

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
  readonly #run: HandlerRun;
  readonly #manager: EntityManager | undefined;

  constructor(message: IncomingMessage, queue: string, run: HandlerRun, manager?: EntityManager) {
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
    this.#run = run;
    this.#manager = manager;
  }

  /**
   * The transaction that the event is handled in, of a handler with an inbox: what is written through it commits with the
   * memory of the event, or not at all.
   * @throws {InboxRequiredError} for a handler without one
   */
  get manager(): EntityManager {
    if (this.#manager) return this.#manager;
    throw new InboxRequiredError(this.queue);
  }

  /**
   * Aborts when the handler runs past its `timeout` (the reason is a `HandlerTimeoutError`), or when the message has been
   * taken away: its channel is gone, or a shutdown has waited long enough; it will be delivered again.
   */
  get signal(): AbortSignal {
    return this.#run.signal;
  }
}
