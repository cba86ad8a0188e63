import type { EventPublisher, PublishOutcome } from '../broker/publisher.js';
import type { PendingEvent } from '../store/store.js';
import { Entry } from './entry.js';
import { Fifo } from './fifo.js';
import { KeyQueues, NOTHING } from './key-queues.js';
import type { Pass } from './pass.js';

export interface StreamSettings {
  /** Published but unanswered events at most. */
  readonly window: number;
  /** So many that could leave at once are enough: more would only grow old. */
  readonly batchSize: number;
  /** Milliseconds the broker has to answer. */
  readonly publishTimeout: number;
}

export interface StreamHooks {
  /** Whether publishing makes sense this moment. */
  mayPublish(): boolean;
  /** The broker's answer to an event, exactly one for each that was sent. */
  answered(entry: Entry, outcome: PublishOutcome): void;
  /** Answers have come, and what they made room for has left: there may be room for more. */
  moved(): void;
}

/** Events written to the channel at once: enough to be cheap, few enough not to hold up the answers. */
const MOST_AT_ONCE = 500;
/** Bytes of payload kept in memory, beyond which nothing more is taken in. */
const ENOUGH_BYTES = 16 * 1024 * 1024;

/**
 * The events in memory, on their way from the table to the broker: published in the order they came, as many at once as
 * the window allows, of a key one at a time. What is here is neither lost nor marked if the process dies; it is pending.
 */
export class Stream {
  private readonly known = new Map<number, Entry>();
  private readonly ready = new Fifo<Entry>();
  private readonly keys = new KeyQueues();
  private bytes = 0;
  private sentCount = 0;
  private isPumpDue = false;

  constructor(
    private readonly publisher: EventPublisher,
    private readonly settings: StreamSettings,
    private readonly hooks: StreamHooks,
  ) {}

  /** Published and not answered yet. */
  get sent(): number {
    return this.sentCount;
  }

  /** Events between the table and their outcome on record. */
  get size(): number {
    return this.known.size;
  }

  /** Whether more would only lie about. */
  get isFull(): boolean {
    const { window, batchSize } = this.settings;
    const unsent = this.known.size - this.sentCount;
    return this.ready.length >= batchSize || unsent >= window || this.bytes >= ENOUGH_BYTES;
  }

  /** What to read next, of a key that has more in the table than is worth keeping here. */
  get wanted(): KeyQueues['wanted'] {
    return this.keys.wanted;
  }

  /** Up to here nothing is left in the table that nobody has in hand; but for what `covered` says. */
  floor(covered: number): number {
    let floor = Math.min(covered, this.keys.floor);
    for (const seq of this.known.keys()) floor = Math.min(floor, seq - 1);
    return floor;
  }

  /** Whether an event of these is between the table and its outcome on record. */
  has(which: (event: PendingEvent) => boolean): boolean {
    for (const { event } of this.known.values()) if (which(event)) return true;
    return false;
  }

  /** Takes in what was read; those that are here already are the same event. */
  add(events: readonly PendingEvent[], pass?: Pass): void {
    for (const event of events) this.addOne(event, pass);
    this.pumpSoon();
  }

  /**
   * Takes in what was read of a key behind `after`; `all`: there is no more of it. What the key does not wait for any more
   * stays in the table: remembered here, without a place in its queue, it would never leave.
   */
  addOfKey(key: string, after: number, events: readonly PendingEvent[], all: boolean, pass?: Pass): void {
    if (!this.keys.waitsFor(key, after)) return;
    const entries = events.map((event) => this.remember(event, pass)).filter((entry) => entry !== undefined);
    for (const entry of entries) entry.pass?.entered();
    const next = this.keys.filled(key, entries, all ? NOTHING : (events.at(-1)?.seq ?? after));
    if (next) this.ready.push(next);
    this.pumpSoon();
  }

  /** Publishes what can be published now. */
  pump(): void {
    while (this.ready.length > 0 && this.hooks.mayPublish()) {
      const room = this.settings.window - this.sentCount;
      if (room <= 0) return;
      this.send(this.ready.take(Math.min(room, MOST_AT_ONCE)));
    }
  }

  /** The event is through: the next one of its key may go. */
  passed(entry: Entry): void {
    const { key } = entry.event;
    const next = key === null ? undefined : this.keys.passed(key, entry);
    if (!next) return;
    this.ready.push(next);
    this.pumpSoon();
  }

  /** The event has failed: nothing of its key may pass until that is on record. */
  failed(entry: Entry): void {
    const { key } = entry.event;
    if (key !== null) for (const waited of this.keys.failed(key, entry)) this.leaveInTable(waited);
  }

  /** The failure is on record; `goesOn`: its key need not wait for it. */
  failureRecorded(entry: Entry, goesOn: boolean): void {
    const { key } = entry.event;
    if (key !== null) this.keys.recorded(key, entry, goesOn);
  }

  /** The event is not pending any more, or whoever reads it next is to take it for a new one. */
  forget(entry: Entry): void {
    if (this.known.get(entry.event.seq) !== entry) return;
    this.known.delete(entry.event.seq);
    this.bytes -= entry.event.body.length;
  }

  /** Gives up an event of unknown fate, and what waited behind it. They are still pending, behind the position it yields. */
  giveUp(entry: Entry): number {
    const { key, seq } = entry.event;
    this.forget(entry);
    if (key === null) return seq - 1;
    const { waited, more } = this.keys.drop(key);
    waited.forEach(this.leaveInTable);
    return Math.min(seq - 1, more);
  }

  /** Gives up everything of these slots that has not been sent. It is still pending. */
  clear(isMeant: (slot: number) => boolean = () => true): void {
    for (const entry of this.ready.clear()) if (!isMeant(entry.event.slot)) this.ready.push(entry);
    this.keys.clear(isMeant);
    for (const entry of this.known.values()) {
      if (!entry.isSent && !entry.isAnswered && isMeant(entry.event.slot)) this.leaveInTable(entry);
    }
  }

  private addOne(event: PendingEvent, pass: Pass | undefined): void {
    const entry = this.remember(event, pass);
    if (!entry) return;
    const when = event.key === null ? 'now' : this.keys.offer(event.key, entry, this.leaveInTable);
    if (when === 'never') return this.forget(entry);
    pass?.entered();
    if (when === 'now') this.ready.push(entry);
  }

  private readonly leaveInTable = (entry: Entry): void => {
    this.forget(entry);
    entry.pass?.left();
  };

  /** Nothing, if it is here already. A retry is the same row with another number of attempts behind it. */
  private remember(event: PendingEvent, pass?: Pass): Entry | undefined {
    const before = this.known.get(event.seq);
    if (before?.event.attempts === event.attempts) {
      this.noteHeir(before, event);
      return undefined;
    }
    if (before) this.forget(before);
    const entry = new Entry(event, pass);
    this.known.set(event.seq, entry);
    this.bytes += event.body.length;
    return entry;
  }

  /** A dead event was removed meanwhile, in whose place this one now holds back the others of its key. */
  private noteHeir(known: Entry, { key, hasFailed }: PendingEvent): void {
    if (!hasFailed || known.event.hasFailed) return;
    known.event = { ...known.event, hasFailed };
    if (key !== null) this.keys.noteHeir(key, known);
  }

  private send(entries: readonly Entry[]): void {
    this.sentCount += entries.length;
    const now = performance.now();
    for (const entry of entries) {
      entry.isSent = true;
      entry.sentAt = now;
    }
    const events = entries.map(({ event }) => event);
    this.publisher.publish(events, this.settings.publishTimeout, (index, outcome) => {
      this.answered(entries[index] as Entry, outcome);
    });
  }

  private answered(entry: Entry, outcome: PublishOutcome): void {
    this.sentCount--;
    entry.isSent = false;
    entry.isAnswered = true;
    this.hooks.answered(entry, outcome);
    this.pumpSoon();
  }

  /** Answers come in bursts; after each, what they have made room for leaves together. */
  private pumpSoon(): void {
    if (this.isPumpDue) return;
    this.isPumpDue = true;
    queueMicrotask(() => {
      this.isPumpDue = false;
      this.pump();
      this.hooks.moved();
    });
  }
}
