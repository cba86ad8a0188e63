import { randomBytes } from 'node:crypto';
import { queueFor } from './access.js';
import { isInteger } from './arguments.js';
import type { Consumer } from './consumers.js';
import type { DirectReply } from './direct-reply.js';
import { REPLY_TO } from './direct-reply.js';
import { AmqpException, described } from './errors.js';
import type { Message } from './message.js';
import type { BasicConsume, ClientMethods } from './methods.js';
import type { Port } from './port.js';
import type { Queue } from './queue.js';
import type { Entry } from './ready.js';
import { Unacked } from './unacked.js';

/** What a quorum queue takes an unlimited prefetch for. */
const QUORUM_PREFETCH = 2000;

/** A channel's consumers and everything it has delivered. */
export class Consuming {
  readonly unacked = new Unacked();
  readonly #subscriptions = new Map<string, Subscription>();
  #lastTag = 0;
  #prefetch = 0;
  #channelPrefetch = 0;

  constructor(
    private readonly port: Port,
    private readonly replies: DirectReply,
  ) {}

  qos({ prefetchSize, prefetchCount, global }: ClientMethods['BasicQos']): void {
    if (prefetchSize > 0) throw new AmqpException('NOT_IMPLEMENTED', `prefetch_size!=0 (${prefetchSize})`);
    // One that is not global also ends the one that was.
    this.#channelPrefetch = global ? prefetchCount : 0;
    if (!global) this.#prefetch = prefetchCount;
    this.port.send('BasicQosOk', {});
    this.resume();
  }

  consume(name: string, fields: BasicConsume): void {
    this.#assertFree(fields.consumerTag);
    const tag = fields.consumerTag || `amq.ctag-${randomBytes(16).toString('base64url')}`;
    if (name === REPLY_TO) {
      this.replies.consume(tag, fields, (message) => this.#send(tag, ++this.#lastTag, false, message));
      return;
    }
    const queue = queueFor(this.port, name);
    this.#assertAdmitted(queue, fields.exclusive);
    assertPriority(queue, fields.arguments['x-priority']);
    const subscription = new Subscription(this, queue, tag, fields, this.#prefetchFor(queue));
    this.#subscriptions.set(tag, subscription);
    if (!fields.nowait) this.port.send('BasicConsumeOk', { consumerTag: tag });
    queue.consume(subscription);
  }

  cancel({ consumerTag, nowait }: ClientMethods['BasicCancel']): void {
    this.replies.cancel(consumerTag);
    const subscription = this.#subscriptions.get(consumerTag);
    this.#subscriptions.delete(consumerTag);
    if (!nowait) this.port.send('BasicCancelOk', { consumerTag });
    subscription?.queue.leave([subscription], []);
  }

  get(name: string, noAck: boolean): void {
    const queue = queueFor(this.port, name);
    assertGettable(queue);
    const got = queue.get(noAck);
    if (!got) {
      this.port.send('BasicGetEmpty', {});
      return;
    }
    const deliveryTag = ++this.#lastTag;
    if (!noAck) this.unacked.add(deliveryTag, { queue, entry: got.entry, consumer: undefined });
    const { exchange, routingKey } = got.message;
    const fields = { deliveryTag, redelivered: got.entry.redelivered, messageCount: queue.messages };
    this.port.sendMessage('BasicGetOk', { ...fields, exchange, routingKey }, got.message);
  }

  ack(tag: number, multiple: boolean): void {
    for (const { queue, entries } of this.unacked.take(tag, multiple)) queue.ack(entries);
    this.#resumeOthers();
  }

  reject(tag: number, multiple: boolean, requeue: boolean): void {
    for (const { queue, entries } of this.unacked.take(tag, multiple)) {
      if (requeue) queue.requeue(entries);
      else queue.reject(entries);
    }
    this.#resumeOthers();
  }

  recover(requeue: boolean): void {
    if (!requeue) throw new AmqpException('NOT_IMPLEMENTED', 'requeue=false');
    for (const { queue, entries } of this.unacked.takeAll()) queue.requeue(entries);
    this.#resumeOthers();
  }

  /** The channel is gone: its consumers leave, what they had not acknowledged goes back. */
  close(): void {
    const unacked = new Map(this.unacked.takeAll().map(({ queue, entries }) => [queue, entries]));
    const subscriptions = [...this.#subscriptions.values()];
    this.#subscriptions.clear();
    this.replies.close();
    for (const queue of new Set([...unacked.keys(), ...subscriptions.map((each) => each.queue)])) {
      const leaving = subscriptions.filter((each) => each.queue === queue);
      queue.leave(leaving, unacked.get(queue) ?? []);
    }
  }

  /** The socket or the prefetch has room again. */
  resume(): void {
    for (const { queue } of this.#subscriptions.values()) queue.dispatch();
  }

  canDeliver(): boolean {
    return (
      this.port.canDeliver() && (this.#channelPrefetch === 0 || this.unacked.size < this.#channelPrefetch)
    );
  }

  deliver(subscription: Subscription, entry: Entry, message: Message): void {
    const { tag, queue, noAck } = subscription;
    const deliveryTag = ++this.#lastTag;
    if (!noAck) this.unacked.add(deliveryTag, { queue, entry, consumer: subscription });
    this.#send(tag, deliveryTag, entry.redelivered, message);
  }

  cancelled({ tag: consumerTag }: Subscription): void {
    this.#subscriptions.delete(consumerTag);
    if (this.port.wantsCancel) this.port.send('BasicCancel', { consumerTag, nowait: true });
  }

  #send(consumerTag: string, deliveryTag: number, redelivered: boolean, message: Message): void {
    const { exchange, routingKey } = message;
    const fields = { consumerTag, deliveryTag, redelivered, exchange, routingKey };
    this.port.sendMessage('BasicDeliver', fields, message);
  }

  /** With a prefetch for the channel as a whole, one queue's acknowledgement is every consumer's room. */
  #resumeOthers(): void {
    if (this.#channelPrefetch > 0) this.resume();
  }

  #assertFree(tag: string): void {
    if (!this.#subscriptions.has(tag) && !this.replies.has(tag)) return;
    throw new AmqpException('NOT_ALLOWED', `attempt to reuse consumer tag '${tag}'`);
  }

  #assertAdmitted(queue: Queue, exclusive: boolean): void {
    const isQuorum = queue.settings.type === 'quorum';
    if (isQuorum && this.#channelPrefetch > 0) {
      throw new AmqpException(
        'NOT_IMPLEMENTED',
        `${described('queue', queue.name)} does not support global qos`,
      );
    }
    // A quorum queue has no exclusive consumers, and does not say so.
    if (isQuorum || queue.consumers.admits(exclusive)) return;
    throw new AmqpException('ACCESS_REFUSED', `${described('queue', queue.name)} in exclusive use`);
  }

  #prefetchFor(queue: Queue): number {
    if (this.#prefetch > 0) return this.#prefetch;
    return queue.settings.type === 'quorum' ? QUORUM_PREFETCH : Infinity;
  }
}

/** One `basic.consume`. */
class Subscription implements Consumer {
  readonly noAck: boolean;
  readonly exclusive: boolean;
  readonly priority: number;
  #inFlight = 0;

  constructor(
    private readonly channel: Consuming,
    readonly queue: Queue,
    readonly tag: string,
    fields: BasicConsume,
    private readonly prefetch: number,
  ) {
    const priority = fields.arguments['x-priority'];
    this.noAck = fields.noAck;
    this.exclusive = fields.exclusive;
    this.priority = isInteger(priority) ? priority : 0;
  }

  isReady(): boolean {
    return (this.noAck || this.#inFlight < this.prefetch) && this.channel.canDeliver();
  }

  deliver(entry: Entry, message: Message): void {
    if (!this.noAck) this.#inFlight++;
    this.channel.deliver(this, entry, message);
  }

  settled(): void {
    this.#inFlight--;
  }

  cancelled(): void {
    this.channel.cancelled(this);
  }
}

function assertPriority({ name }: Queue, priority: unknown): void {
  if (priority === undefined || isInteger(priority)) return;
  throw new AmqpException(
    'PRECONDITION_FAILED',
    `invalid arg 'x-priority' for ${described('queue', name)}: "expected integer, got ${typeof priority}"`,
  );
}

function assertGettable(queue: Queue): void {
  if (queue.settings.type !== 'quorum' || !queue.settings.singleActiveConsumer) return;
  throw new AmqpException(
    'RESOURCE_LOCKED',
    `cannot obtain access to locked ${described('queue', queue.name)}. basic.get operations are not supported by ` +
      'quorum queues with single active consumer',
  );
}
