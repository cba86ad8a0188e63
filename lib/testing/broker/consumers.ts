import type { Message } from './message.js';
import type { QueueSettings } from './queue-arguments.js';
import type { Entry } from './ready.js';

/** A subscription as its queue sees it. */
export interface Consumer {
  readonly noAck: boolean;
  readonly exclusive: boolean;
  readonly priority: number;
  /** False while its prefetch is used up or its connection cannot take more. */
  isReady(): boolean;
  deliver(entry: Entry, message: Message): void;
  /** The queue is gone. */
  cancelled(): void;
}

/** The consumers of one queue, and whose turn it is: the highest priority that has room, in turns among equals. */
export class Consumers {
  readonly #all = new Set<Consumer>();
  /** In the order of their turns. */
  #waiting: Consumer[] = [];
  /** Without room when their turn came; whoever has room again takes the last turn. */
  #blocked: Consumer[] = [];
  /** The one that gets everything until it leaves (`x-single-active-consumer`). */
  #active: Consumer | undefined;

  constructor(private readonly settings: Pick<QueueSettings, 'type' | 'singleActiveConsumer'>) {}

  get count(): number {
    return this.#all.size;
  }

  /** An exclusive consumer is alone: it cannot join others, and nobody can join it. */
  admits(exclusive: boolean): boolean {
    if (this.settings.singleActiveConsumer) return !exclusive;
    return exclusive ? this.count === 0 : ![...this.#all].some((consumer) => consumer.exclusive);
  }

  add(consumer: Consumer): void {
    this.#all.add(consumer);
    this.#takeTurn(consumer);
    this.#active ??= consumer;
  }

  remove(consumer: Consumer): void {
    this.#all.delete(consumer);
    this.#waiting = this.#waiting.filter((other) => other !== consumer);
    this.#blocked = this.#blocked.filter((other) => other !== consumer);
    if (this.#active === consumer) this.#active = this.#successor();
  }

  removeAll(): Consumer[] {
    const all = [...this.#all];
    for (const consumer of all) this.remove(consumer);
    return all;
  }

  /** Somebody may have room again. */
  unblock(): void {
    if (this.#blocked.length === 0) return;
    const blocked = this.#blocked;
    this.#blocked = [];
    for (const consumer of blocked) {
      if (consumer.isReady()) this.#takeTurn(consumer);
      else this.#blocked.push(consumer);
    }
  }

  /** Lets whoever's turn it is be served. False when nobody has room. */
  serve(deliver: (consumer: Consumer) => void): boolean {
    const consumer = this.settings.singleActiveConsumer ? this.#readyActive() : this.#next();
    if (!consumer) return false;
    deliver(consumer);
    if (this.settings.singleActiveConsumer) return true;
    // A quorum queue sees at once that a consumer has no room left, a classic queue when its turn comes.
    if (this.settings.type === 'quorum' && !consumer.isReady()) this.#blocked.push(consumer);
    else this.#takeTurn(consumer);
    return true;
  }

  #next(): Consumer | undefined {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      if (next.isReady()) return next;
      this.#blocked.push(next);
    }
    return undefined;
  }

  #readyActive(): Consumer | undefined {
    return this.#active?.isReady() ? this.#active : undefined;
  }

  #takeTurn(consumer: Consumer): void {
    const lower = this.#waiting.findIndex((other) => other.priority < consumer.priority);
    this.#waiting.splice(lower < 0 ? this.#waiting.length : lower, 0, consumer);
  }

  /** A quorum queue goes by who came first, a classic queue by priority before that. */
  #successor(): Consumer | undefined {
    const all = [...this.#all];
    return this.settings.type === 'quorum' ? all[0] : all.sort((a, b) => b.priority - a.priority)[0];
  }
}
