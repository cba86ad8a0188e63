import type { EventHeaders } from '../event/envelope.js';
import type { CloudEventAttributes } from '../event/wire/cloud-event.js';

/**
 * Whether the body is the payload (`'none'`), a CloudEvent in structured mode, or a packet of Nest's. `'unknown'`: somebody
 * else sent it; if it looks like a packet of Nest's, it is one.
 */
export type Envelope = 'none' | 'cloudevent' | 'nest' | 'unknown';

/** A message as it came from a queue. */
export interface IncomingMessage {
  readonly id: string;
  /** Type of the event; of a foreign message without one, its routing key. */
  readonly type: string;
  /** The key it was first published with, also after retries. */
  readonly routingKey: string;
  readonly key: string | undefined;
  readonly body: Buffer;
  readonly contentType: string | undefined;
  /** What the body may be besides the payload. */
  readonly envelope: Envelope;
  /** Attributes, if it is a CloudEvent whose attributes are known without looking into the body. */
  readonly cloudEvent: CloudEventAttributes | undefined;
  /** Headers of the emitter; ours and the broker's are left out. */
  readonly headers: EventHeaders;
  /** 1 for the first attempt to handle it. */
  readonly attempt: number;
  /** The broker has delivered it before. */
  readonly redelivered: boolean;
  readonly correlationId: string | undefined;
  readonly causationId: string | undefined;
  readonly trackingIds: readonly string[];
  readonly occurredAt: Date | undefined;
  /** Not an event, but a reminder of ours: the events of this key that are parked should be looked at. */
  readonly wakes: string | undefined;
  /** The message as the broker's client delivered it. */
  readonly raw: unknown;
}

/** One message in a consumer's hands. Exactly one of `ack` and `requeue` ends it; later calls do nothing. */
export interface Delivery {
  readonly message: IncomingMessage;
  /** Of this delivery alone. Aborts when the broker has taken the message back: the channel it came on is gone. */
  readonly lost: AbortSignal;
  /** What it was delivered in: the same for all deliveries until the consumer is lost, and never again. */
  readonly session: DeliverySession;
  ack(): void;
  /** Back to the queue, for another consumer. Not for failures: those are retried with a delay. */
  requeue(): void;
}

export interface DeliverySession {
  /** Whether the broker, when asked, still has us for its consumer. */
  isAlive(): Promise<boolean>;
}

export interface SubscriptionRequest {
  readonly queue: string;
  /** Topic patterns the queue is bound with. */
  readonly patterns: readonly string[];
  /** Unsettled deliveries at most. */
  readonly prefetch: number;
  /** Delays in ms that retries of this consumer will ask for. */
  readonly delays: readonly number[];
  /**
   * One consumer of the queue at a time gets its messages, in order; when it is gone the next gets what that had not
   * settled, and then the rest.
   */
  readonly singleActive?: boolean | undefined;
  /** Milliseconds that a message may wait on the queue before it is a dead letter; for ever without. */
  readonly expiration?: number | undefined;
  /** The exchange its messages come from, if not the module's: somebody else's, which has to be there. */
  readonly exchange?: string | undefined;
  /**
   * For a queue that is this connection's alone, and gone with it: the name that its processes have in common. What is a
   * dead letter goes to the dead letters of that name.
   */
  readonly broadcast?: string | undefined;
  /** For one of the queues that a handler's events are spread over by their keys. */
  readonly partition?: Partition | undefined;
}

export interface Partition {
  /** The name that its queues have in common. */
  readonly of: string;
  /** From 1. */
  readonly number: number;
  readonly count: number;
}

/** The name by which a queue's dead letters, metrics and traces are known. */
export const commonName = ({
  queue,
  broadcast,
  partition,
}: Pick<SubscriptionRequest, 'queue' | 'broadcast' | 'partition'>): string =>
  broadcast ?? partition?.of ?? queue;

export interface Subscription {
  /** `false` while the consumer is lost or paused, and after it was cancelled. */
  readonly consuming: boolean;
  /** No further deliveries until `resume()`; what has been delivered stays to be settled. */
  pause(): Promise<void>;
  /** Consumes again, as soon as it can. */
  resume(): void;
  /** No further deliveries, for good; what has been delivered stays to be settled. */
  cancel(): Promise<void>;
  /** Ends it: what is unsettled goes back to the queue. */
  close(): Promise<void>;
}

/** The consuming side of a broker. */
export interface EventSubscriber {
  /**
   * Looks at what all subscriptions of this process will need, before the first of them.
   * @throws {TopologyMissingError} naming everything that is missing, if it is not for us to declare
   */
  prepare(requests: readonly SubscriptionRequest[]): Promise<void>;

  /**
   * Consumes a queue until cancelled, through every loss of connection, channel or queue. Resolves when it consumes, or
   * when the broker cannot be reached (it then begins as soon as it can).
   * @throws {TopologyMismatchError | TopologyMissingError} when the broker's topology is not as it must be
   */
  subscribe(request: SubscriptionRequest, handle: (delivery: Delivery) => void): Promise<Subscription>;

  /**
   * Puts a copy of the message aside, with its failure on record; after `delay` ms it is back on `queue`, and on no other.
   * Resolves when safe.
   */
  retryLater(message: IncomingMessage, queue: string, delay: number, failure: Failure): Promise<void>;

  /** After `delay` ms, a message that wakes `key` is on `queue`. Resolves when it is safe. */
  wakeLater(queue: string, key: string, delay: number): Promise<void>;

  /** A message, but for its body, as text. */
  preserve(message: IncomingMessage): string;

  /** The message that was preserved. */
  restore(preserved: string, body: Buffer): IncomingMessage;

  /** Puts a copy of the message, with its error, on the dead-letter queue of `queue`. Resolves when safe. */
  deadLetter(message: IncomingMessage, queue: string, failure: Failure): Promise<void>;
}

/** Why a message was not handled. */
export interface Failure {
  readonly type: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly at: Date;
}
