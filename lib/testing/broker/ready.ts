import { performance } from 'node:perf_hooks';
import type { Message } from './message.js';
import type { QueueSettings } from './queue-arguments.js';

/** A message in one queue. */
export interface Entry {
  readonly message: Message;
  /** Its place in the queue, kept through redeliveries. */
  readonly position: number;
  /** On the monotonic clock; Infinity when it does not expire. */
  readonly expiresAt: number;
  redelivered: boolean;
  /** How often it came back: what a quorum queue counts against its delivery limit. */
  returns: number;
  next: Entry | undefined;
}

/** A message lives as long as both it and its queue allow. */
export function newEntry(message: Message, position: number, messageTtl = Infinity): Entry {
  const { expiration = Infinity } = message.properties;
  const lifetime = Math.min(messageTtl, Number(expiration));
  const expiresAt = lifetime === Infinity ? Infinity : performance.now() + lifetime;
  return { message, position, expiresAt, redelivered: false, returns: 0, next: undefined };
}

/** The messages of a queue that wait for a consumer. */
export interface Ready {
  readonly length: number;
  readonly bytes: number;
  readonly head: Entry | undefined;
  push(entry: Entry): void;
  shift(): Entry | undefined;
  /** Takes back what was delivered and not handled. */
  giveBack(entries: Entry[]): void;
}

/** The structure each kind of queue keeps its messages in. */
export function readyFor({ type, maxPriority }: Pick<QueueSettings, 'type' | 'maxPriority'>): Ready {
  if (type === 'quorum') return new ReturnsFirst();
  return maxPriority === undefined ? new InOrder() : new ByPriority(maxPriority);
}

/** A classic queue: what comes back takes its old place. A linked list, so that long queues cost nothing at either end. */
class InOrder implements Ready {
  head: Entry | undefined;
  length = 0;
  bytes = 0;
  #tail: Entry | undefined;

  push(entry: Entry): void {
    this.#insert(entry, this.#tail);
  }

  shift(): Entry | undefined {
    const entry = this.head;
    if (!entry) return undefined;
    this.head = entry.next;
    if (!this.head) this.#tail = undefined;
    entry.next = undefined;
    this.length--;
    this.bytes -= entry.message.body.length;
    return entry;
  }

  giveBack(entries: Entry[]): void {
    let before: Entry | undefined;
    for (const entry of entries.sort((a, b) => a.position - b.position)) {
      let after = before ? before.next : this.head;
      while (after && after.position < entry.position) {
        before = after;
        after = after.next;
      }
      this.#insert(entry, before);
      before = entry;
    }
  }

  #insert(entry: Entry, before: Entry | undefined): void {
    entry.next = before ? before.next : this.head;
    if (before) before.next = entry;
    else this.head = entry;
    if (!entry.next) this.#tail = entry;
    this.length++;
    this.bytes += entry.message.body.length;
  }
}

/** Several queues taken for one; the first that has a message goes first. */
abstract class Ranked implements Ready {
  protected abstract readonly ranks: readonly Ready[];

  get length(): number {
    return this.ranks.reduce((sum, rank) => sum + rank.length, 0);
  }

  get bytes(): number {
    return this.ranks.reduce((sum, rank) => sum + rank.bytes, 0);
  }

  get head(): Entry | undefined {
    return this.#first?.head;
  }

  shift(): Entry | undefined {
    return this.#first?.shift();
  }

  abstract push(entry: Entry): void;
  abstract giveBack(entries: Entry[]): void;

  get #first(): Ready | undefined {
    return this.ranks.find((rank) => rank.length > 0);
  }
}

/** A quorum queue: what comes back goes before what is new, in the order in which it came back. */
class ReturnsFirst extends Ranked {
  readonly #returned = new InOrder();
  readonly #fresh = new InOrder();
  protected readonly ranks = [this.#returned, this.#fresh];

  push(entry: Entry): void {
    this.#fresh.push(entry);
  }

  giveBack(entries: Entry[]): void {
    for (const entry of entries) this.#returned.push(entry);
  }
}

/** A classic queue with `x-max-priority`. */
class ByPriority extends Ranked {
  protected readonly ranks: InOrder[];

  constructor(private readonly max: number) {
    super();
    this.ranks = Array.from({ length: max + 1 }, () => new InOrder());
  }

  push(entry: Entry): void {
    this.#rank(entry).push(entry);
  }

  giveBack(entries: Entry[]): void {
    for (const rank of this.ranks) rank.giveBack(entries.filter((entry) => this.#rank(entry) === rank));
  }

  #rank(entry: Entry): InOrder {
    const priority = Math.min(entry.message.properties.priority ?? 0, this.max);
    return this.ranks[this.max - priority] as InOrder;
  }
}
