import { decodeContentHeader, encodeContentHeader } from './codec.js';
import type { Confirms } from './confirms.js';
import type { DirectReply } from './direct-reply.js';
import { AmqpException, refused } from './errors.js';
import { carbonCopies, Message } from './message.js';
import type { BasicPublish, Properties } from './methods.js';
import type { Port } from './port.js';
import { expiryProblem } from './queue-arguments.js';

const NO_BODY = Buffer.alloc(0);
const NO_ROUTE = { replyCode: 312, replyText: 'NO_ROUTE' };

/** The method of a message that is on its way in, its header and as much of its body as came. */
interface Incoming {
  fields: BasicPublish;
  header?: { payload: Buffer; size: number; properties: Properties };
  body: Buffer[];
  missing: number;
}

/** A channel's `basic.publish`: puts a message together from its frames, routes it and records the outcome. */
export class Publishing {
  confirms: Confirms | undefined;
  #incoming: Incoming | undefined;

  constructor(
    private readonly port: Port,
    private readonly replies: DirectReply,
  ) {}

  /** A message has begun; nothing else may come on the channel before it is whole. */
  get isReceiving(): boolean {
    return this.#incoming !== undefined;
  }

  begin(fields: BasicPublish): void {
    this.#incoming = { fields, body: [], missing: 0 };
  }

  header(payload: Buffer): void {
    const incoming = this.#incoming;
    if (!incoming || incoming.header) throw unexpected('header');
    const { size, properties } = decodeContentHeader(payload);
    incoming.header = { payload, size, properties };
    incoming.missing = size;
    if (size > this.port.maxMessageSize) throw this.#tooLarge(size);
    if (size === 0) this.#complete();
  }

  body(payload: Buffer): void {
    const incoming = this.#incoming;
    if (!incoming?.header || payload.length > incoming.missing) throw unexpected('body');
    incoming.body.push(payload);
    incoming.missing -= payload.length;
    if (incoming.missing === 0) this.#complete();
  }

  #complete(): void {
    const { fields, header, body } = this.#incoming as Required<Incoming>;
    this.#incoming = undefined;
    if (fields.immediate) throw new AmqpException('NOT_IMPLEMENTED', 'immediate=true');
    this.port.vhost.assertOpen(fields.exchange);
    const message = this.replies.addressed(built(fields, header, body));
    this.#assertSender(message.properties);
    assertPublishable(message.properties);
    const queues = this.port.vhost.route(message);
    if (fields.mandatory && queues.size === 0) {
      const { exchange, routingKey } = fields;
      this.port.sendMessage('BasicReturn', { ...NO_ROUTE, exchange, routingKey }, message);
    }
    let accepted = true;
    for (const queue of queues) if (!queue.publish(message)) accepted = false;
    this.confirms?.record(accepted);
  }

  #tooLarge(size: number): AmqpException {
    return refused(`message size ${size} is larger than configured max size ${this.port.maxMessageSize}`);
  }

  #assertSender({ userId }: Properties): void {
    if (userId === undefined || userId === this.port.user) return;
    throw refused(`user_id property set to '${userId}' but authenticated user was '${this.port.user}'`);
  }
}

function built(fields: BasicPublish, header: Required<Incoming>['header'], body: Buffer[]): Message {
  const { payload, size, properties } = header;
  const content = body.length === 1 ? (body[0] as Buffer) : size === 0 ? NO_BODY : Buffer.concat(body, size);
  const headers = properties.headers ?? {};
  const keys: [string, ...string[]] = [fields.routingKey, ...carbonCopies(headers)];
  if (!('BCC' in headers)) return new Message(fields.exchange, keys, properties, payload, content);
  const { BCC: _, ...seen } = headers;
  const shown = { ...properties, headers: seen };
  return new Message(fields.exchange, keys, shown, encodeContentHeader(size, shown), content);
}

function assertPublishable({ expiration, deliveryMode, headers = {} }: Properties): void {
  const problem = expiration === undefined ? undefined : expirationProblem(expiration);
  if (problem) throw refused(`invalid expiration '${expiration}': ${problem}`);
  if (deliveryMode !== undefined && deliveryMode !== 1 && deliveryMode !== 2) {
    throw refused(`invalid message: {delivery_mode_unknown,${deliveryMode}}`);
  }
  for (const name of ['CC', 'BCC']) {
    if (headers[name] === undefined || Array.isArray(headers[name])) continue;
    throw refused(`invalid message: {unacceptable_type_in_header,"${name}",longstr}`);
  }
}

/** Why RabbitMQ would not take this for a number of milliseconds. */
function expirationProblem(expiration: string): string | undefined {
  const digits = /^[+-]?\d+/.exec(expiration)?.[0];
  if (digits === undefined) return 'no_integer';
  if (digits !== expiration) return `{leftover_string,"${expiration.slice(digits.length)}"}`;
  return expiryProblem(Number(digits));
}

function unexpected(part: 'header' | 'body'): AmqpException {
  const explanation = `expected method frame, got non method frame instead (content ${part})`;
  return new AmqpException('UNEXPECTED_FRAME', explanation);
}
