import type { Options } from 'amqplib';
import type { EventHeaders, OutgoingEvent } from '../../event/envelope.js';
import { HEADER } from '../../event/headers.js';

/** Properties of an event on the wire. The body is the payload's bytes, untouched. amqplib leaves out what is undefined. */
export function toProperties(event: OutgoingEvent, appId: string): Options.Publish {
  return {
    mandatory: true,
    persistent: true,
    messageId: event.id,
    type: event.type,
    appId,
    contentType: event.contentType,
    timestamp: Math.floor(event.occurredAt),
    correlationId: event.correlationId ?? undefined,
    expiration: event.expiration ?? undefined,
    priority: event.priority ?? undefined,
    headers: headersOf(event),
  } as Options.Publish;
}

function headersOf({ key, headers }: OutgoingEvent): EventHeaders | undefined {
  if (key === null) return headers ?? undefined;
  return headers === null ? { [HEADER.key]: key } : { ...headers, [HEADER.key]: key };
}
