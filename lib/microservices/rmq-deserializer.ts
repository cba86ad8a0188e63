import { attributesAmong, fromAttributes, isStructured } from '../event/wire/cloud-event.js';
import type { NestPacket } from '../event/wire/nest-packet.js';

/** What a stock `ServerRMQ` knows of a message besides its body. */
interface Properties {
  readonly type?: unknown;
  readonly appId?: unknown;
  readonly contentType?: unknown;
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Lets `@EventPattern()` handlers of a stock Nest RabbitMQ microservice consume events of the outbox in every format:
 *
 *     options: { deserializer: new OutboxRmqDeserializer(), … }
 *
 * The pattern is the event's type, the data its payload; messages of Nest's own `ClientProxy` stay what they are. A body
 * that is not JSON arrives as text, as everywhere in that transport: bytes do not survive it.
 */
export class OutboxRmqDeserializer {
  /**
   * @param value the body, parsed as JSON if it can be
   * @param properties of the message
   */
  deserialize(value: unknown, properties: Properties = {}): NestPacket {
    const { type, appId, contentType, headers = {} } = properties;
    const attributes = attributesAmong(headers);
    if (attributes) return { pattern: fromAttributes(attributes).type ?? type, data: value };
    if (isStructured(textOf(contentType))) return structured(value);
    const isPlain =
      textOf(type) !== undefined && textOf(appId) !== undefined && !('outbox-format' in headers);
    return !isPlain && isPacket(value) ? value : { pattern: type, data: value };
  }
}

/** Requests have an `id` besides, by which the server tells them apart. */
const isPacket = (value: unknown): value is NestPacket =>
  typeof value === 'object' && value !== null && 'pattern' in value;

function structured(value: unknown): NestPacket {
  const { type, data, data_base64: base64 } = (value ?? {}) as Record<string, unknown>;
  return { pattern: type, data: typeof base64 === 'string' ? Buffer.from(base64, 'base64') : data };
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;
