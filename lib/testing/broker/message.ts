import { encodeContentHeader } from './codec.js';
import type { Properties, Table } from './methods.js';

/** A message as it was published: its header goes out byte for byte as it came in. */
export class Message {
  constructor(
    readonly exchange: string,
    /** The key it was published with, then the keys of its CC and BCC headers. */
    readonly routingKeys: readonly [string, ...string[]],
    readonly properties: Properties,
    readonly header: Buffer,
    readonly body: Buffer,
  ) {}

  get routingKey(): string {
    return this.routingKeys[0];
  }

  get persistent(): boolean {
    return this.properties.deliveryMode === 2;
  }

  get headers(): Table {
    return this.properties.headers ?? {};
  }

  /** The same body under other properties, and perhaps routed elsewhere. */
  with(change: Pick<Message, 'properties'> & Partial<Pick<Message, 'exchange' | 'routingKeys'>>): Message {
    const { exchange = this.exchange, routingKeys = this.routingKeys, properties } = change;
    return new Message(exchange, routingKeys, properties, this.#encoded(properties), this.body);
  }

  withHeader(name: string, value: unknown): Message {
    return this.with({ properties: { ...this.properties, headers: { ...this.headers, [name]: value } } });
  }

  /** amqplib's encoder ends at 64 KiB of headers: a message so close to it travels on under the header it came with. */
  #encoded(properties: Properties): Buffer {
    try {
      return encodeContentHeader(this.body.length, properties);
    } catch (error) {
      if (error instanceof RangeError) return this.header;
      throw error;
    }
  }
}

/** The extra routing keys a sender may add, https://www.rabbitmq.com/docs/sender-selected. */
export function carbonCopies(headers: Table): string[] {
  return ['CC', 'BCC'].flatMap((name) => {
    const keys = headers[name];
    return Array.isArray(keys) ? keys.filter((key): key is string => typeof key === 'string') : [];
  });
}
