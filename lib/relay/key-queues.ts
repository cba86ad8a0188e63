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
  /** Behind this position there may be more of the key in the table, to be read by the key. */
  more: number | undefined;
  failed: boolean;
}

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
    if (queue.more !== undefined && entry.event.seq > queue.more) return 'never';
    if (!queue.front) {
      queue.front = entry;
      return 'now';
    }
    insert(queue.behind, entry);
    if (queue.behind.length <= MOST_BEHIND) return 'later';
    const last = queue.behind.pop() as Entry;
    queue.more = (queue.behind.at(-1) as Entry).event.seq;
    if (last === entry) return 'never';
    forget(last);
    return 'later';
  }

  /** The front of a queue is through: the one that goes now. */
  passed(key: string, entry: Entry): Entry | undefined {
    const queue = this.queues.get(key);
    if (!queue || queue.front !== entry) return undefined;
    queue.front = queue.behind.shift();
    this.look(key, queue);
    return queue.front;
  }

  /** Nothing of the key passes until the failure is on record; from then on the table holds it back. Yields what waited. */
  failed(key: string, entry: Entry): Entry[] {
    const waited = this.queues.get(key)?.behind ?? [];
    this.queues.set(key, { front: entry, behind: [], more: undefined, failed: true });
    this.hungry.delete(key);
    return waited;
  }

  /** The failure is on record. `goesOn`: what comes after it need not wait, and is to be read. */
  recorded(key: string, entry: Entry, goesOn: boolean): void {
    const queue = this.queues.get(key);
    if (!queue?.failed || queue.front !== entry) return;
    this.queues.delete(key);
    if (!goesOn) return;
    const next = { front: undefined, behind: [], more: entry.event.seq, failed: false };
    this.queues.set(key, next);
    this.look(key, next);
  }

  /** A key of which more is to be read, and from where. */
  get wanted(): { readonly key: string; readonly after: number; readonly limit: number } | undefined {
    for (const key of this.hungry) {
      const queue = this.queues.get(key);
      if (queue?.more !== undefined)
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
  filled(key: string, entries: readonly Entry[], more: number | undefined): Entry | undefined {
    const queue = this.queues.get(key);
    if (!queue) return undefined;
    this.hungry.delete(key);
    queue.more = more;
    for (const entry of entries) insert(queue.behind, entry);
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

  /** Forgets the queue of a key. Yields what waited in it. */
  drop(key: string): Entry[] {
    const waited = this.queues.get(key)?.behind ?? [];
    this.queues.delete(key);
    this.hungry.delete(key);
    return waited;
  }

  /** The first position of which something is left in the table on purpose. */
  get floor(): number {
    let floor = Number.POSITIVE_INFINITY;
    for (const { more } of this.queues.values()) if (more !== undefined) floor = Math.min(floor, more);
    return floor;
  }

  private begin(key: string, entry: Entry): 'now' {
    this.queues.set(key, { ...emptyBehind(entry), front: entry });
    return 'now';
  }

  private look(key: string, { front, behind, more }: KeyQueue): void {
    if (more === undefined) {
      if (!front) this.queues.delete(key);
    } else if (behind.length < FEW && !front?.event.hasFailed) this.hungry.add(key);
  }
}

/** What comes after an event that has failed before is held back in the table until that one is published. */
const emptyBehind = ({ event }: Entry): KeyQueue => ({
  front: undefined,
  behind: [],
  more: event.hasFailed ? event.seq : undefined,
  failed: false,
});

const isNextAttempt = ({ event }: Entry, before: Entry | undefined): boolean =>
  event.hasFailed && event.seq === before?.event.seq && event.attempts !== before.event.attempts;

/** Mostly at the end: only what committed late goes further to the front. */
function insert(entries: Entry[], entry: Entry): void {
  let place = entries.length;
  while (place > 0 && (entries[place - 1] as Entry).event.seq > entry.event.seq) place--;
  entries.splice(place, 0, entry);
}
