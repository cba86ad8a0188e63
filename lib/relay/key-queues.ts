import { laneSlot } from '../event/lane.js';
import type { Entry } from './entry.js';

/** Events of one key kept in memory behind the one that is published; the rest stays in the table until it is its turn. */
const MOST_BEHIND = 64;
/** So few left, and the next ones are read. */
const FEW = 16;

/** The events of one key, of which one at a time is published. */
interface KeyQueue {
  /** Published, or about to be; or failed, and not yet on record as such. Nothing else of its key may pass it. */
  front: Entry | undefined;
  /** In order. */
  behind: Entry[];
  /** Behind this position there may be more of the key in the table, to be read by the key. Nothing is, where it is infinite. */
  more: number;
  failed: boolean;
}

/** Nothing of the key is left in the table. */
export const NOTHING = Number.POSITIVE_INFINITY;
/**
 * An event that has failed before holds back the others of its key, in the table, also what commits late with a lower
 * number: reads have passed over it, and when that event is through, all of the key is read again.
 */
const BEFORE_ALL = 0;

/**
 * Keeps each key in order, whatever becomes of its events: the next one leaves when the broker has confirmed the one
 * before. (Publishing them one right behind the other lost: after a nack or a return the next one is already through.)
 */
export class KeyQueues {
  private readonly queues = new Map<string, KeyQueue>();
  /** Keys of which more should be read. */
  private readonly hungry = new Set<string>();

  /** Whether an event goes now, waits here for its turn, or stays in the table. `forget` is told of one that has to. */
  offer(key: string, entry: Entry, forget: (entry: Entry) => void): 'now' | 'later' | 'never' {
    const queue = this.queues.get(key);
    if (!queue) return this.begin(key, entry);
    if (queue.failed) return isNextAttempt(entry, queue.front) ? this.begin(key, entry) : 'never';
    if (entry.event.seq > queue.more) return 'never';
    if (!queue.front) {
      queue.front = entry;
      this.holdBack(key, queue, entry);
      return 'now';
    }
    insert(queue.behind, entry);
    const last = queue.behind.length > MOST_BEHIND ? queue.behind.pop() : undefined;
    if (last) queue.more = (queue.behind.at(-1) as Entry).event.seq;
    if (last === entry) return 'never';
    if (last) forget(last);
    this.holdBack(key, queue, entry);
    return 'later';
  }

  /** The front of a queue is through: the one that goes now. */
  passed(key: string, entry: Entry): Entry | undefined {
    const queue = this.queues.get(key);
    if (entry.event.hasFailed && queue?.front !== entry) return this.readAnew(key, queue);
    if (!queue || queue.front !== entry) return undefined;
    queue.front = queue.behind.shift();
    this.look(key, queue);
    return queue.front;
  }

  /** Nothing of the key passes until the failure is on record; from then on the table holds it back. Yields what waited. */
  failed(key: string, entry: Entry): Entry[] {
    const waited = this.queues.get(key)?.behind ?? [];
    this.queues.set(key, { front: entry, behind: [], more: NOTHING, failed: true });
    this.hungry.delete(key);
    return waited;
  }

  /** The failure is on record. `goesOn`: others of its key need not wait for it, as far as we know, and are to be read. */
  recorded(key: string, entry: Entry, goesOn: boolean): void {
    const queue = this.queues.get(key);
    if (!queue?.failed || queue.front !== entry) return;
    this.queues.delete(key);
    if (goesOn) this.readAnew(key, undefined);
  }

  /** A key of which more is to be read, and from where. */
  get wanted(): { readonly key: string; readonly after: number; readonly limit: number } | undefined {
    for (const key of this.hungry) {
      const queue = this.queues.get(key);
      if (queue && queue.more !== NOTHING)
        return { key, after: queue.more, limit: MOST_BEHIND - queue.behind.length };
      this.hungry.delete(key);
    }
    return undefined;
  }

  /** Whether a key still waits for what is behind `after`: since that was asked for it may have failed, or been given up. */
  waitsFor(key: string, after: number): boolean {
    const queue = this.queues.get(key);
    return queue !== undefined && !queue.failed && queue.more === after;
  }

  /** What was read of a key that waits for it, in order, and behind what there may be more. Yields the one that goes now. */
  filled(key: string, entries: readonly Entry[], more: number): Entry | undefined {
    const queue = this.queues.get(key);
    if (!queue) return undefined;
    this.hungry.delete(key);
    queue.more = more;
    for (const entry of entries) {
      insert(queue.behind, entry);
      this.holdBack(key, queue, entry);
    }
    const next = queue.front ? undefined : queue.behind.shift();
    queue.front ??= next;
    this.look(key, queue);
    return next;
  }

  /** Forgets whatever of these slots has not been sent; it will be read again. */
  clear(isMeant: (slot: number) => boolean): void {
    for (const [key, { front, failed }] of this.queues) {
      if (failed || !isMeant(front?.event.slot ?? laneSlot(key))) continue;
      this.hungry.delete(key);
      if (front?.isSent || front?.isAnswered) this.begin(key, front);
      else this.queues.delete(key);
    }
  }

  /** Forgets the queue of a key. Yields what waited in it, and behind what there may be more. */
  drop(key: string): { readonly waited: readonly Entry[]; readonly more: number } {
    const { behind: waited = [], more = NOTHING } = this.queues.get(key) ?? {};
    this.queues.delete(key);
    this.hungry.delete(key);
    return { waited, more };
  }

  /** The first position of which something is left in the table on purpose. */
  get floor(): number {
    let floor = NOTHING;
    for (const { more } of this.queues.values()) floor = Math.min(floor, more);
    return floor;
  }

  /** An event of the key, here already, holds back the others from now on: it has taken the place of a removed dead one. */
  noteHeir(key: string, entry: Entry): void {
    const queue = this.queues.get(key);
    if (queue && !queue.failed && (queue.front === entry || queue.behind.includes(entry)))
      this.holdBack(key, queue, entry);
  }

  /** What is held back, or has been, must be looked for in the whole table. */
  private readAnew(key: string, queue: KeyQueue | undefined): undefined {
    if (queue?.failed) return;
    const next = queue ?? { front: undefined, behind: [], more: BEFORE_ALL, failed: false };
    next.more = BEFORE_ALL;
    this.queues.set(key, next);
    this.look(key, next);
  }

  private begin(key: string, entry: Entry): 'now' {
    const queue = { front: entry, behind: [], more: NOTHING, failed: false };
    this.queues.set(key, queue);
    this.holdBack(key, queue, entry);
    return 'now';
  }

  /** Of an event that has come into the queue. */
  private holdBack(key: string, queue: KeyQueue, { event }: Entry): void {
    if (!event.hasFailed) return;
    queue.more = BEFORE_ALL;
    this.hungry.delete(key);
  }

  private look(key: string, queue: KeyQueue): void {
    const { front, behind, more } = queue;
    if (more === NOTHING) {
      if (!front) this.queues.delete(key);
    } else if (behind.length < FEW && !isHeldBack(queue)) this.hungry.add(key);
  }
}

const isHeldBack = ({ front, behind, more }: KeyQueue): boolean =>
  more === BEFORE_ALL && [front, ...behind].some((entry) => entry?.event.hasFailed);

const isNextAttempt = ({ event }: Entry, before: Entry | undefined): boolean =>
  event.hasFailed && event.seq === before?.event.seq && event.attempts !== before.event.attempts;

/** Mostly at the end: only what committed late goes further to the front. */
function insert(entries: Entry[], entry: Entry): void {
  let place = entries.length;
  while (place > 0 && (entries[place - 1] as Entry).event.seq > entry.event.seq) place--;
  entries.splice(place, 0, entry);
}
