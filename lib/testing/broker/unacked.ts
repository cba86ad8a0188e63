import { refused } from './errors.js';
import type { Queue } from './queue.js';
import type { Entry } from './ready.js';

/** A message that was handed to a client and is still its business. */
export interface Delivery {
  queue: Queue;
  entry: Entry;
  /** Absent for what came by `basic.get`. */
  consumer: { settled(): void } | undefined;
}

export interface Settled {
  queue: Queue;
  entries: Entry[];
}

/** The unacknowledged deliveries of one channel, by tag, oldest first. */
export class Unacked {
  readonly #deliveries = new Map<number, Delivery>();

  get size(): number {
    return this.#deliveries.size;
  }

  add(tag: number, delivery: Delivery): void {
    this.#deliveries.set(tag, delivery);
  }

  /** Takes out what a client settles, by queue. Throws when the tag is not there. */
  take(tag: number, multiple: boolean): Settled[] {
    if (tag === 0 && multiple) return this.takeAll();
    if (!this.#deliveries.has(tag)) throw refused(`unknown delivery tag ${tag}`);
    return this.#settle(multiple ? this.#upTo(tag) : [tag]);
  }

  takeAll(): Settled[] {
    return this.#settle([...this.#deliveries.keys()]);
  }

  #upTo(last: number): number[] {
    const tags: number[] = [];
    for (const tag of this.#deliveries.keys()) {
      if (tag > last) break;
      tags.push(tag);
    }
    return tags;
  }

  #settle(tags: number[]): Settled[] {
    const byQueue = new Map<Queue, Entry[]>();
    for (const tag of tags) {
      const { queue, entry, consumer } = this.#deliveries.get(tag) as Delivery;
      this.#deliveries.delete(tag);
      consumer?.settled();
      const entries = byQueue.get(queue);
      if (entries) entries.push(entry);
      else byQueue.set(queue, [entry]);
    }
    return [...byQueue].map(([queue, entries]) => ({ queue, entries }));
  }
}
