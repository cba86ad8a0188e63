import { performance } from 'node:perf_hooks';
import { Alarm } from './alarm.js';
import { Capacity } from './capacity.js';
import type { Consumer } from './consumers.js';
import { Consumers } from './consumers.js';
import type { Message } from './message.js';
import type { Table } from './methods.js';
import type { QueueSettings } from './queue-arguments.js';
import type { Entry, Ready } from './ready.js';
import { newEntry, readyFor } from './ready.js';
import type { DeathReason } from './x-death.js';
import { int64 } from './x-death.js';

export interface QueueDeclaration {
  name: string;
  durable: boolean;
  autoDelete: boolean;
  /** The connection an exclusive queue belongs to. */
  owner: object | undefined;
  arguments: Table;
  settings: QueueSettings;
}

/** What a queue needs from its surroundings. */
export interface QueueHooks {
  deadLetter(queue: Queue, message: Message, reason: DeathReason): void;
  /** It is auto-delete and its last consumer left, or nobody used it for `x-expires`. */
  unused(queue: Queue): void;
}

export class Queue {
  readonly name: string;
  readonly settings: QueueSettings;
  readonly consumers: Consumers;
  unacked = 0;
  #ready: Ready;
  readonly #capacity: Capacity;
  #published = 0;
  #isServing = true;
  #isDeleted = false;
  readonly #expiry = new Alarm(() => this.dispatch());
  readonly #idle = new Alarm(() => this.#hooks.unused(this));
  readonly #hooks: QueueHooks;

  constructor(
    readonly declared: QueueDeclaration,
    hooks: QueueHooks,
  ) {
    this.name = declared.name;
    this.settings = declared.settings;
    this.#hooks = hooks;
    this.consumers = new Consumers(this.settings);
    this.#capacity = new Capacity(this.settings);
    this.#ready = readyFor(this.settings);
    this.touch();
  }

  /** Messages that wait for a consumer. */
  get messages(): number {
    return this.#ready.length;
  }

  /** Its consumers as it counts them itself: with a single active one, a quorum queue leaves out those that wait. */
  get served(): number {
    const { count } = this.consumers;
    return this.settings.type === 'quorum' && this.settings.singleActiveConsumer ? Math.min(count, 1) : count;
  }

  /** Takes a message, or refuses it because the queue is full (`x-overflow`). */
  publish(message: Message): boolean {
    if (this.#capacity.refuses(this.#ready, message.body.length)) {
      if (this.settings.overflow === 'reject-publish-dlx') this.#hooks.deadLetter(this, message, 'maxlen');
      return false;
    }
    this.#ready.push(newEntry(message, this.#published++, this.settings.messageTtl));
    if (this.#isServing) this.#deliver();
    return true;
  }

  consume(consumer: Consumer): void {
    this.consumers.add(consumer);
    this.#idle.cancel();
    this.dispatch();
  }

  /**
   * Consumers stop. When their channel closed, what it had not acknowledged comes back first: whoever takes over must
   * see it before what follows.
   */
  leave(consumers: Consumer[], unacked: Entry[]): void {
    for (const consumer of consumers) this.consumers.remove(consumer);
    this.touch();
    const left = consumers.length > 0 && this.consumers.count === 0;
    if (left && this.declared.autoDelete) this.#hooks.unused(this);
    else this.#return(unacked);
  }

  /** One message for `basic.get`; a quorum queue always tells how often it was delivered before. */
  get(noAck: boolean): { entry: Entry; message: Message } | undefined {
    this.touch();
    this.#dropExpired();
    const entry = this.#ready.shift();
    if (!entry) return undefined;
    if (!noAck) this.unacked++;
    this.#settleDown();
    return { entry, message: this.settings.type === 'quorum' ? counted(entry) : entry.message };
  }

  ack(entries: Entry[]): void {
    this.unacked -= entries.length;
    this.dispatch();
  }

  reject(entries: Entry[]): void {
    this.unacked -= entries.length;
    if (this.#isDeleted) return;
    for (const { message } of entries) this.#hooks.deadLetter(this, message, 'rejected');
    this.dispatch();
  }

  /** What a client sends back. A quorum queue without a delivery limit lets it wait behind everything else. */
  requeue(entries: Entry[]): void {
    const { type, deliveryLimit } = this.settings;
    if (type === 'quorum' && deliveryLimit === Infinity) {
      this.#comeBack(entries, (alive) => alive.forEach((entry) => this.#ready.push(entry)));
    } else this.#return(entries);
  }

  /** Hands out what it can. Called whenever a message or a consumer may have become available. */
  dispatch(): void {
    if (!this.#isServing) return;
    this.consumers.unblock();
    this.#dropExpired();
    this.#deliver();
  }

  purge(): number {
    const purged = this.messages;
    this.#ready = readyFor(this.settings);
    this.#settleDown();
    return purged;
  }

  /** Starts the time of `x-expires` again: declared, asked for a message, or left by its last consumer. */
  touch(): void {
    const { expires } = this.settings;
    if (expires !== undefined && this.consumers.count === 0) this.#idle.set(expires);
  }

  delete(): void {
    this.suspend();
    this.#isDeleted = true;
    for (const consumer of this.consumers.removeAll()) consumer.cancelled();
  }

  /** The broker goes down: nothing is handed out and nothing expires until it is up again. */
  suspend(): void {
    this.#isServing = false;
    this.#expiry.cancel();
    this.#idle.cancel();
  }

  restore(): void {
    this.#isServing = true;
    this.touch();
    this.dispatch();
  }

  /** What was not persistent is lost; a quorum queue writes down everything. */
  loseTransient(): void {
    if (this.settings.type === 'quorum') return;
    const kept: Entry[] = [];
    for (let entry = this.#ready.shift(); entry; entry = this.#ready.shift()) {
      if (entry.message.persistent) kept.push(entry);
    }
    this.#ready.giveBack(kept);
  }

  #return(entries: Entry[]): void {
    this.#comeBack(entries, (alive) => this.#ready.giveBack(alive));
  }

  #comeBack(entries: Entry[], take: (alive: Entry[]) => void): void {
    this.unacked -= entries.length;
    if (this.#isDeleted) return;
    for (const entry of entries) {
      entry.redelivered = true;
      entry.returns++;
    }
    const isSpent = (entry: Entry) => entry.returns > this.settings.deliveryLimit;
    entries.filter(isSpent).forEach(({ message }) => this.#hooks.deadLetter(this, message, 'delivery_limit'));
    take(entries.filter((entry) => !isSpent(entry)));
    this.#dropOverflow();
    this.dispatch();
  }

  #deliver(): void {
    while (this.#ready.length > 0 && this.consumers.serve((consumer) => this.#hand(consumer)))
      this.#dropExpired();
    this.#settleDown();
  }

  #hand(consumer: Consumer): void {
    const entry = this.#ready.shift();
    if (!entry) return;
    if (!consumer.noAck) this.unacked++;
    const isCounted = this.settings.type === 'quorum' && entry.returns > 0;
    consumer.deliver(entry, isCounted ? counted(entry) : entry.message);
  }

  /** After any change: what is too much or too old goes, and the timer waits for the next that will be. */
  #settleDown(): void {
    this.#dropOverflow();
    this.#dropExpired();
    this.#capacity.note(this.#ready);
    if (this.#ready.head) this.#expiry.setAt(this.#ready.head.expiresAt);
  }

  #dropExpired(): void {
    if ((this.#ready.head?.expiresAt ?? Infinity) === Infinity) return;
    const now = performance.now();
    while (this.#ready.head && this.#ready.head.expiresAt <= now) this.#bury('expired');
  }

  #dropOverflow(): void {
    while (this.#capacity.mustDrop(this.#ready)) this.#bury('maxlen');
  }

  #bury(reason: DeathReason): void {
    const entry = this.#ready.shift();
    if (entry) this.#hooks.deadLetter(this, entry.message, reason);
  }
}

function counted(entry: Entry): Message {
  return entry.message.withHeader('x-delivery-count', int64(entry.returns));
}
