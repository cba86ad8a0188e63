import type { Options } from 'amqplib';
import type { OutgoingEvent } from '../../event/envelope.js';
import { HEADER } from '../../event/headers.js';

/** Properties of an event on the wire. The body is the payload's bytes, untouched. */
export function toProperties(event: OutgoingEvent, appId: string): Options.Publish {
  return {
    mandatory: true,
    persistent: true,
    messageId: event.id,
    type: event.type,
    appId,
    contentType: event.contentType,
    timestamp: Math.floor(event.occurredAt),
    ...(event.correlationId !== null && { correlationId: event.correlationId }),
    ...(event.expiration !== null && { expiration: String(event.expiration) }),
    ...(event.priority !== null && { priority: event.priority }),
    headers: event.key === null ? (event.headers ?? {}) : { ...event.headers, [HEADER.key]: event.key },
  };
}
