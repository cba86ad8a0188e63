import type { ConsumeMessage } from 'amqplib';
import type { EventHeaders } from '../../event/envelope.js';
import { HEADER } from '../../event/headers.js';
import { trackingIdsOf } from '../../event/tracking.js';
import { attributesAmong, fromAttributes, isStructured, traceOf } from '../../event/wire/cloud-event.js';
import type { Envelope, IncomingMessage } from '../subscriber.js';

/** Reads a delivery. Foreign messages have gaps; nothing here may throw over them. */
export function fromDelivery(raw: ConsumeMessage): IncomingMessage {
  const { properties, fields } = raw;
  const headers = (properties.headers ?? {}) as Record<string, unknown>;
  const routingKey = text(headers[HEADER.routingKey]) ?? fields.routingKey;
  const cloudEvent = attributesAmong(headers);
  const told = cloudEvent && fromAttributes(cloudEvent);
  return {
    id: told?.id ?? text(properties.messageId) ?? '',
    type: told?.type ?? text(properties.type) ?? routingKey,
    routingKey,
    key: text(headers[HEADER.key]) ?? told?.key,
    body: raw.content,
    contentType: text(properties.contentType),
    envelope: cloudEvent ? 'none' : envelopeOf(properties, headers),
    cloudEvent,
    headers: cloudEvent
      ? { ...traceOf(cloudEvent), ...userHeaders(headers, CLOUD_EVENT) }
      : userHeaders(headers),
    attempt: positiveInteger(headers[HEADER.attempt]) ?? 1,
    redelivered: fields.redelivered,
    correlationId: text(properties.correlationId) ?? told?.correlationId,
    causationId: text(headers[HEADER.causationId]) ?? told?.causationId,
    trackingIds: trackingIdsOf(text(headers[HEADER.tracking])),
    occurredAt:
      typeof properties.timestamp === 'number' ? new Date(properties.timestamp * 1_000) : told?.occurredAt,
    wakes: text(headers[HEADER.wake]),
    raw,
  };
}

/** What we send ourselves has both a type and an app id; who has neither may be Nest's `ClientProxy`. */
function envelopeOf(
  { contentType, type, appId }: Partial<Record<'contentType' | 'type' | 'appId', unknown>>,
  headers: Record<string, unknown>,
): Envelope {
  if (isStructured(text(contentType))) return 'cloudevent';
  if (headers[HEADER.format] === 'nest') return 'nest';
  return text(type) && text(appId) ? 'none' : 'unknown';
}

const NOT_THEIRS = /^(x-|outbox-)/;
const CLOUD_EVENT = /^(x-|outbox-|cloudEvents[_:])/;

function userHeaders(headers: Record<string, unknown>, without = NOT_THEIRS): EventHeaders {
  // Most messages have none, and this runs for every one of them.
  if (Object.keys(headers).every((name) => without.test(name))) return {};
  const theirs = Object.entries(headers).filter(([name]) => !without.test(name));
  return Object.fromEntries(theirs) as EventHeaders;
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

const positiveInteger = (value: unknown): number | undefined =>
  Number.isInteger(value) && (value as number) > 0 ? (value as number) : undefined;
