import { randomUUID } from 'node:crypto';
import type { ConsumeMessage, Options } from 'amqplib';
import { HEADER } from '../../event/headers.js';
import { isShortString } from '../../event/short-string.js';
import { commonName, type Failure, type IncomingMessage } from '../subscriber.js';
import { historyOf, withFailure } from './attempt-history.js';
import type { QueuedDeadLetter } from '../dead-letters.js';
import type { PublishRequest } from './publish-frames.js';
import { deadLetterExchange, ownRetryName, retryName, returnExchange } from './names.js';
import type { Origin } from './plan.js';
import { truncate } from './truncate.js';

/** Leads to every queue by its name. */
const DEFAULT_EXCHANGE = '';

/** The copy that waits `delay` ms and returns to its queue as its next attempt. */
export function retryCopy(
  message: IncomingMessage,
  exchange: string,
  { queue, broadcast }: Origin,
  delay: number,
  failure: Failure,
): PublishRequest {
  const headers = { [HEADER.attempt]: message.attempt + 1, [HEADER.errors]: history(message, failure) };
  return broadcast === undefined
    ? copy(message, retryName(exchange, delay), queue, headers)
    : copy(message, DEFAULT_EXCHANGE, ownRetryName(queue, delay), headers);
}

/** The reminder that comes to `queue` after `delay` ms; at once, if that is 0. */
export function wakeCall(exchange: string, queue: string, key: string, delay: number): PublishRequest {
  return {
    exchange: delay === 0 ? returnExchange(exchange) : retryName(exchange, delay),
    routingKey: queue,
    body: Buffer.alloc(0),
    properties: {
      messageId: randomUUID(),
      mandatory: true,
      persistent: true,
      headers: { [HEADER.wake]: key },
    },
  };
}

/** The copy that rests in the dead-letter queue of its queue, with what went wrong. */
export function deadLetterCopy(
  message: IncomingMessage,
  exchange: string,
  origin: Origin,
  failure: Failure,
): PublishRequest {
  const consumer = commonName(origin);
  return copy(message, deadLetterExchange(exchange), consumer, {
    [HEADER.attempt]: message.attempt,
    [HEADER.consumer]: consumer,
    [HEADER.errorType]: truncate(failure.type, 255),
    [HEADER.errorMessage]: truncate(failure.message, 2_048),
    ...(failure.stack && { [HEADER.errorStack]: truncate(failure.stack, 4_096) }),
    [HEADER.errorAt]: failure.at.toISOString(),
    [HEADER.errors]: history(message, failure),
  });
}

/** A dead letter as its handler's queue gets it: as new as it was, but for the history of its attempts. */
export function requeueCopy(
  { message, errors }: QueuedDeadLetter,
  exchange: string,
  queue: string,
): PublishRequest {
  const request = copy(message, exchange, queue, { [HEADER.errors]: historyOf(errors) });
  const {
    [HEADER.attempt]: _,
    [HEADER.consumer]: __,
    ...headers
  } = request.properties.headers as object as Record<string, unknown>;
  return { ...request, properties: { ...request.properties, headers } };
}

const history = ({ attempt, raw }: IncomingMessage, failure: Failure): string =>
  withFailure((raw as ConsumeMessage).properties.headers?.[HEADER.errors], attempt, failure);

/** The copy with none of the emitter's headers: when they cannot be sent on as they came. */
export function withoutForeignHeaders(request: PublishRequest): PublishRequest {
  const headers = Object.entries((request.properties.headers ?? {}) as Record<string, unknown>);
  const ours = headers.filter(([name, value]) => name.startsWith('outbox-') && isShort(value));
  return { ...request, properties: { ...request.properties, headers: Object.fromEntries(ours) } };
}

const isShort = (value: unknown) =>
  Number.isFinite(value) || (typeof value === 'string' && Buffer.byteLength(value) <= 4_096);

/**
 * Headers that mean something to the broker (`x-…` are its own; `CC` and `BCC` would route the copy elsewhere, too), and
 * those of an earlier failure.
 */
const NOT_COPIED = /^(x-.*|B?CC|outbox-error-.*)$/;

/**
 * The same message under another routing key: its own travels in a header. Its expiration stays behind, or a message
 * could vanish while it waits, and its `userId`, which the broker accepts from that user only.
 */
function copy(message: IncomingMessage, exchange: string, routingKey: string, extra: object): PublishRequest {
  const { properties, content } = message.raw as ConsumeMessage;
  const {
    headers = {},
    expiration: _,
    deliveryMode: __,
    userId: ___,
    ...rest
  } = properties as Options.Publish & { headers?: object };
  const kept = Object.entries(headers).filter(([name]) => !NOT_COPIED.test(name));
  return {
    exchange,
    routingKey,
    body: content,
    properties: {
      ...defined(rest),
      messageId: messageIdOf(message),
      mandatory: true,
      persistent: true,
      headers: { ...Object.fromEntries(kept), [HEADER.routingKey]: message.routingKey, ...extra },
    },
  };
}

/** The id of a foreign CloudEvent can be longer than the property takes; it is read from where it came from. */
function messageIdOf({ id, raw }: IncomingMessage): string {
  if (isShortString(id)) return id;
  return ((raw as ConsumeMessage).properties.messageId as string | undefined) || randomUUID();
}

const defined = (properties: object) =>
  Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined));
