import type { ConsumeMessage } from 'amqplib';
import type { EventHeaders } from '../../event/envelope.js';
import { HEADER } from '../../event/headers.js';
import { trackingIdsOf } from '../../event/tracking.js';
import type { IncomingMessage } from '../subscriber.js';

/** Reads a delivery. Foreign messages have gaps; nothing here may throw over them. */
export function fromDelivery(raw: ConsumeMessage): IncomingMessage {
  const { properties, fields } = raw;
  const headers = (properties.headers ?? {}) as Record<string, unknown>;
  const routingKey = text(headers[HEADER.routingKey]) ?? fields.routingKey;
  return {
    id: text(properties.messageId) ?? '',
    type: text(properties.type) ?? routingKey,
    routingKey,
    key: text(headers[HEADER.key]),
    body: raw.content,
    contentType: text(properties.contentType),
    headers: userHeaders(headers),
    attempt: positiveInteger(headers[HEADER.attempt]) ?? 1,
    redelivered: fields.redelivered,
    correlationId: text(properties.correlationId),
    causationId: text(headers[HEADER.causationId]),
    trackingIds: trackingIdsOf(text(headers[HEADER.tracking])),
    occurredAt: typeof properties.timestamp === 'number' ? new Date(properties.timestamp * 1_000) : undefined,
    raw,
  };
}

function userHeaders(headers: Record<string, unknown>): EventHeaders {
  const theirs = Object.entries(headers).filter(([name]) => !/^(x-|outbox-)/.test(name));
  return Object.fromEntries(theirs) as EventHeaders;
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

const positiveInteger = (value: unknown): number | undefined =>
  Number.isInteger(value) && (value as number) > 0 ? (value as number) : undefined;
