import { AmqpException, described, notFound } from './errors.js';
import { Exchange, reach } from './exchange.js';
import type { Destination, ExchangeDeclaration } from './exchange.js';
import type { Message } from './message.js';
import { Queue } from './queue.js';
import type { QueueDeclaration } from './queue.js';
import type { Binding, ExchangeType } from './routing.js';
import type { DeathReason } from './x-death.js';
import { deadLettered, isCycle } from './x-death.js';

const PREDECLARED: [name: string, type: ExchangeType, internal: boolean][] = [
  ['amq.direct', 'direct', false],
  ['amq.fanout', 'fanout', false],
  ['amq.headers', 'headers', false],
  ['amq.match', 'headers', false],
  ['amq.rabbitmq.trace', 'topic', true],
  ['amq.topic', 'topic', false],
];

/** Everything that is declared: exchanges, queues and what binds them. */
export class VirtualHost {
  readonly #exchanges = new Map<string, Exchange>();
  readonly #queues = new Map<string, Queue>();
  /** Channels that wait for an answer, by the address they gave. */
  readonly replies = new Map<string, (message: Message) => void>();

  constructor() {
    for (const [name, type, internal] of PREDECLARED) {
      this.declareExchange({ name, type, durable: true, autoDelete: false, internal, arguments: {} });
    }
  }

  get exchanges(): Exchange[] {
    return [...this.#exchanges.values()];
  }

  get queues(): Queue[] {
    return [...this.#queues.values()];
  }

  findExchange(name: string): Exchange | undefined {
    return this.#exchanges.get(name);
  }

  findQueue(name: string): Queue | undefined {
    return this.#queues.get(name);
  }

  declareExchange(declaration: ExchangeDeclaration): Exchange {
    const exchange = new Exchange(declaration);
    this.#exchanges.set(exchange.name, exchange);
    return exchange;
  }

  declareQueue(declaration: QueueDeclaration): Queue {
    const queue = new Queue(declaration, {
      deadLetter: (from, message, reason) => this.#deadLetter(from, message, reason),
      unused: (unused) => this.deleteQueue(unused),
    });
    this.#queues.set(queue.name, queue);
    return queue;
  }

  deleteExchange(exchange: Exchange): void {
    this.#exchanges.delete(exchange.name);
    this.#forget(exchange);
  }

  deleteQueue(queue: Queue): void {
    this.#queues.delete(queue.name);
    this.#forget(queue);
    queue.delete();
  }

  deleteOwnedBy(owner: object): void {
    for (const queue of this.queues) if (queue.declared.owner === owner) this.deleteQueue(queue);
  }

  unbind(source: Exchange, binding: Binding<Destination>): void {
    if (source.unbind(binding)) this.#deleteUnbound(source);
  }

  /** Throws when there is no such exchange to publish to, or when it is only for other exchanges. */
  assertOpen(name: string): void {
    if (name === '') return;
    const exchange = this.#exchanges.get(name);
    if (!exchange) throw notFound('exchange', name);
    if (!exchange.declared.internal) return;
    throw new AmqpException('ACCESS_REFUSED', `cannot publish to internal ${described('exchange', name)}`);
  }

  /** The queues a message reaches from its exchange; none when that is missing. */
  route(message: Message): Set<Queue> {
    if (message.exchange === '') return this.#routeByName(message);
    const exchange = this.#exchanges.get(message.exchange);
    return exchange ? reach(exchange, message, (name) => this.#exchanges.get(name)) : new Set();
  }

  /** The broker goes down: no queue moves until `restore()`. */
  suspend(): void {
    for (const queue of this.queues) queue.suspend();
  }

  /** What a broker does not write down is not there when it comes back. */
  loseTransient(): void {
    for (const queue of this.queues) {
      if (queue.declared.durable) queue.loseTransient();
      else this.deleteQueue(queue);
    }
    for (const exchange of this.exchanges) if (!exchange.declared.durable) this.deleteExchange(exchange);
  }

  restore(): void {
    for (const queue of this.queues) queue.restore();
  }

  /** The default exchange: every queue under its own name. A waiting channel is no queue and is served at once. */
  #routeByName(message: Message): Set<Queue> {
    for (const key of message.routingKeys) this.replies.get(key)?.(message);
    const queues = message.routingKeys.map((key) => this.#queues.get(key));
    return new Set(queues.filter((queue) => queue !== undefined));
  }

  #deadLetter(from: Queue, message: Message, reason: DeathReason): void {
    const { deadLetterExchange: exchange, deadLetterRoutingKey: routingKey } = from.settings;
    if (exchange === undefined) return;
    const dead = deadLettered(message, { reason, queue: from.name, exchange, routingKey });
    for (const queue of this.route(dead)) if (!isCycle(dead, reason, queue.name)) queue.publish(dead);
  }

  #forget(destination: Destination): void {
    for (const exchange of this.exchanges) if (exchange.forget(destination)) this.#deleteUnbound(exchange);
  }

  #deleteUnbound(exchange: Exchange): void {
    if (exchange.declared.autoDelete && exchange.bindings.length === 0) this.deleteExchange(exchange);
  }
}
