import { randomUUID } from 'node:crypto';
import type { ConsumeMessage, Options } from 'amqplib';
import { HEADER } from '../../event/headers.js';
import type { Failure, IncomingMessage } from '../subscriber.js';
import type { PublishRequest } from './confirm-channel.js';
import { deadLetterExchange, retryName } from './names.js';

/** The copy that waits `delay` ms and returns to `queue` as its next attempt. */
export function retryCopy(
  message: IncomingMessage,
  exchange: string,
  queue: string,
  delay: number,
): PublishRequest {
  const headers = { [HEADER.attempt]: message.attempt + 1 };
  return copy(message, retryName(exchange, delay), queue, headers);
}

/** The copy that rests in the dead-letter queue of `queue`, with what went wrong. */
export function deadLetterCopy(
  message: IncomingMessage,
  exchange: string,
  queue: string,
  failure: Failure,
): PublishRequest {
  return copy(message, deadLetterExchange(exchange), queue, {
    [HEADER.attempt]: message.attempt,
    [HEADER.consumer]: queue,
    [HEADER.errorType]: truncate(failure.type, 255),
    [HEADER.errorMessage]: truncate(failure.message, 2_048),
    ...(failure.stack && { [HEADER.errorStack]: truncate(failure.stack, 4_096) }),
    [HEADER.errorAt]: failure.at.toISOString(),
  });
}

/**
 * The same message under another routing key: its own travels in a header. Its expiration stays behind, or a message
 * could vanish while it waits. The broker's `x-` headers are its own; RabbitMQ 4 ignores those a client sends.
 */
function copy(message: IncomingMessage, exchange: string, routingKey: string, extra: object): PublishRequest {
  const { properties, content } = message.raw as ConsumeMessage;
  const {
    headers = {},
    expiration: _,
    deliveryMode: __,
    ...rest
  } = properties as Options.Publish & { headers?: object };
  const kept = Object.entries(headers).filter(([name]) => !/^x-/i.test(name));
  return {
    exchange,
    routingKey,
    body: content,
    properties: {
      ...defined(rest),
      messageId: message.id || randomUUID(),
      mandatory: true,
      persistent: true,
      headers: { ...Object.fromEntries(kept), [HEADER.routingKey]: message.routingKey, ...extra },
    },
  };
}

const defined = (properties: object) =>
  Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined));

/** By bytes, without cutting a character in two. */
function truncate(text: string, bytes: number): string {
  const buffer = Buffer.from(text);
  return buffer.length <= bytes
    ? text
    : `${buffer
        .subarray(0, bytes - 3)
        .toString('utf8')
        .replace(/�$/, '')}…`;
}
