import { randomBytes } from 'node:crypto';
import { refused } from './errors.js';
import type { Message } from './message.js';
import type { BasicConsume } from './methods.js';
import type { Port } from './port.js';

/** The name under which a channel takes answers without a queue, https://www.rabbitmq.com/docs/direct-reply-to. */
export const REPLY_TO = 'amq.rabbitmq.reply-to';

export class DirectReply {
  #consumer: { tag: string; address: string } | undefined;

  constructor(private readonly port: Port) {}

  /** Its deliveries need no acknowledgement, so a client that wants to give one is mistaken. */
  consume(tag: string, fields: BasicConsume, deliver: (message: Message) => void): void {
    if (!fields.noAck) throw refused('reply consumer cannot acknowledge');
    if (this.#consumer) throw refused('reply consumer already set');
    const address = `${REPLY_TO}.${randomBytes(16).toString('base64url')}`;
    this.#consumer = { tag, address };
    this.port.vhost.replies.set(address, deliver);
    if (!fields.nowait) this.port.send('BasicConsumeOk', { consumerTag: tag });
  }

  has(tag: string): boolean {
    return this.#consumer?.tag === tag;
  }

  cancel(tag: string): void {
    if (this.has(tag)) this.close();
  }

  /** A request as it goes out: who answers it needs the address of this channel. */
  addressed(message: Message): Message {
    if (message.properties.replyTo !== REPLY_TO) return message;
    if (!this.#consumer) throw refused('fast reply consumer does not exist');
    return message.with({ properties: { ...message.properties, replyTo: this.#consumer.address } });
  }

  close(): void {
    if (this.#consumer) this.port.vhost.replies.delete(this.#consumer.address);
    this.#consumer = undefined;
  }
}
