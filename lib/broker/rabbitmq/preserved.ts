import type { ConsumeMessage } from 'amqplib';
import type { IncomingMessage } from '../subscriber.js';
import { fromDelivery } from './incoming.js';

/** A message without its body, as text. Header tables can hold bytes and 64-bit integers, which JSON cannot. */
export function preservedProperties({ raw }: IncomingMessage): string {
  const { properties, fields } = raw as ConsumeMessage;
  const { exchange, routingKey } = fields;
  return JSON.stringify({ exchange, routingKey, properties }, tagged);
}

/** The message again, as it was delivered. */
export function restored(text: string, body: Buffer): IncomingMessage {
  const { exchange, routingKey, properties } = JSON.parse(text, untagged) as Pick<
    ConsumeMessage['fields'],
    'exchange' | 'routingKey'
  > & { properties: ConsumeMessage['properties'] };
  const fields = { consumerTag: '', deliveryTag: 0, redelivered: false, exchange, routingKey };
  return fromDelivery({ content: body, properties, fields });
}

const BYTES = 'outbox:bytes';
const INTEGER = 'outbox:integer';

function tagged(this: unknown, key: string, value: unknown): unknown {
  // By then `toJSON()` has made something else of it.
  const original = (this as Record<string, unknown>)[key];
  if (Buffer.isBuffer(original)) return { [BYTES]: original.toString('base64') };
  return typeof value === 'bigint' ? { [INTEGER]: String(value) } : value;
}

function untagged(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { [BYTES]: bytes, [INTEGER]: integer } = value as Record<string, unknown>;
  if (typeof bytes === 'string') return Buffer.from(bytes, 'base64');
  return typeof integer === 'string' ? BigInt(integer) : value;
}
