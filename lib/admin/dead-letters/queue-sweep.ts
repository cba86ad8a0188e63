import type { DeadLetterHold, QueuedDeadLetter } from '../../broker/dead-letters.js';
import { BrokerUnavailableError } from '../../errors/broker-unavailable.error.js';
import { HandlerQueueMissingError } from '../../errors/handler-queue-missing.error.js';
import { markOf } from './queue-position.js';
import type { Sweep } from './sweep.js';
import { pause } from './throttle.js';

export interface QueueToSweep {
  readonly where: string;
  /** All of its dead letters go back to the same handler's queue. */
  readonly oneHome: boolean;
  /** How many are there now. */
  count(this: void): Promise<number>;
  wants(this: void, letter: QueuedDeadLetter): boolean;
  readonly keys: KeysBehind;
}

/** What waits behind dead letters wants to know of them. */
export interface KeysBehind {
  /** These are there. */
  met(letters: readonly QueuedDeadLetter[]): void;
  /** These are about to be deleted. */
  giveUp(letters: readonly QueuedDeadLetter[]): Promise<void>;
  /** The sweep is done, and the hold has come as far as it did; `undefined` when there is no queue. */
  afterwards(hold: DeadLetterHold | undefined): Promise<void>;
}

/** Resolves to `undefined` when there is no such queue. */
type Holding = (work: (hold: DeadLetterHold) => Promise<true>) => Promise<true | undefined>;

/** How long a sweep works on the queue at a stretch, and lets others have a look, in milliseconds. */
const STRETCH = 3_000;
const INTERLUDE = 250;
const WINDOW = 1_000;

/**
 * Goes through a dead-letter queue once, in stretches. What is left where it was is at the front again at the next
 * stretch, and known by its mark.
 */
export async function sweepQueue(holding: Holding, queue: QueueToSweep, sweep: Sweep): Promise<void> {
  const through = new Passage(queue, sweep);
  try {
    do {
      // A low rate is waited for while others may have a look.
      await sweep.throttle.ready(sweep.signal);
      if (!(await holding((hold) => through.stretch(hold)))) return await through.vanished();
      if (!through.over) await pause(INTERLUDE, sweep.signal);
    } while (!through.over);
  } finally {
    if (!through.done) sweep.stoppedBefore(through.untried);
  }
}

class Passage {
  looked = 0;
  /** How many were there when it began: no more are looked at, for those that come are endless. */
  private all: number | undefined;
  private readonly left = new Set<string>();
  private atEnd = false;
  private stuck = false;

  constructor(
    private readonly queue: QueueToSweep,
    private readonly sweep: Sweep,
  ) {}

  get done(): boolean {
    return this.atEnd || this.looked === this.all || this.sweep.room(this.queue.where) <= 0;
  }

  get over(): boolean {
    return this.done || this.stuck || this.sweep.cancelled;
  }

  get untried(): number {
    return (this.all ?? 0) - this.looked;
  }

  async stretch(hold: DeadLetterHold): Promise<true> {
    // Now that the queue is ours: what another operator holds is not counted.
    this.all ??= await this.queue.count();
    // Begins behind what was left: a stretch that ended on the way there would lead nowhere.
    let end = Infinity;
    while (!this.over && this.hasTime(end)) {
      const letters = await hold.next(WINDOW);
      this.atEnd = letters.length === 0;
      this.queue.keys.met(letters);
      const unseen = this.unseen(letters);
      if (unseen.length > 0) end = Math.min(end, performance.now() + STRETCH);
      await this.treat(hold, unseen, end);
    }
    if (this.done) await this.queue.keys.afterwards(hold);
    return true;
  }

  /** There is no queue, or not any more. */
  async vanished(): Promise<void> {
    if (this.untried > 0)
      this.sweep.problem(this.queue.where, 'The queue went away before all of it was looked at.');
    await this.queue.keys.afterwards(undefined);
  }

  private unseen(letters: readonly QueuedDeadLetter[]): QueuedDeadLetter[] {
    // Beyond those that were there at the beginning come those that have died since.
    return letters.filter((letter) => !this.left.has(markOf(letter))).slice(0, this.untried);
  }

  /** With the throttle's wait, so that it is not waited for while others are kept out. */
  private hasTime(end: number): boolean {
    return performance.now() + this.sweep.throttle.wait < end;
  }

  private async treat(
    hold: DeadLetterHold,
    letters: readonly QueuedDeadLetter[],
    end: number,
  ): Promise<void> {
    const { throttle, action } = this.sweep;
    const size = action === 'purge' ? WINDOW : Math.min(WINDOW, throttle.portion);
    for (let from = 0; from < letters.length && !this.over && this.hasTime(end); from += size) {
      const portion = letters.slice(from, from + size);
      const wanted = portion.filter(this.queue.wants).slice(0, this.sweep.room(this.queue.where));
      for (const letter of portion) if (!wanted.includes(letter)) this.left.add(markOf(letter));
      if (wanted.length > 0 && !(await this.act(hold, wanted))) return;
      this.looked += portion.length;
      this.sweep.progress(this.queue.where, this.looked, this.all ?? 0);
    }
  }

  /** Whether it did anything before it was ended. */
  private async act(hold: DeadLetterHold, letters: readonly QueuedDeadLetter[]): Promise<boolean> {
    const { sweep } = this;
    const { where } = this.queue;
    if (sweep.action === 'purge') {
      await this.queue.keys.giveUp(letters);
      await hold.remove(letters);
      sweep.done(where, idsOf(letters));
      return true;
    }
    await sweep.throttle.take(letters.length, sweep.signal);
    if (sweep.cancelled) return false;
    const errors = await hold.requeue(letters);
    sweep.done(where, idsOf(letters.filter((_, index) => errors[index] === undefined)));
    this.fail(letters, errors);
    return true;
  }

  private fail(letters: readonly QueuedDeadLetter[], errors: ReadonlyArray<Error | undefined>): void {
    for (const [index, error] of errors.entries()) {
      const letter = letters[index];
      if (!error || !letter) continue;
      this.left.add(markOf(letter));
      this.sweep.problem(this.queue.where, error, idsOf([letter]));
      this.stuck ||= this.stops(error);
    }
  }

  /** Whether what is in the way of one is in the way of all. */
  private stops(error: Error): boolean {
    return (
      error instanceof BrokerUnavailableError ||
      (error instanceof HandlerQueueMissingError && this.queue.oneHome)
    );
  }
}

const idsOf = (letters: readonly QueuedDeadLetter[]): string[] => letters.map(({ message }) => message.id);
