import type { DeadLetterHold, QueuedDeadLetter } from '../../broker/dead-letters.js';
import { markOf } from './queue-position.js';
import type { Sweep } from './sweep.js';
import { pause } from './throttle.js';

export interface QueueToSweep {
  readonly where: string;
  /** How many were there when it began: no more are looked at, for those that come are endless. */
  readonly all: number;
  wants(this: void, letter: QueuedDeadLetter): boolean;
  /** These are about to be deleted. */
  giveUp(this: void, letters: readonly QueuedDeadLetter[]): Promise<void>;
}

type Holding = (work: (hold: DeadLetterHold) => Promise<void>) => Promise<unknown>;

/** How long a sweep keeps the queue to itself at a stretch, and lets others have a look, in milliseconds. */
const STRETCH = 3_000;
const INTERLUDE = 250;
const WINDOW = 1_000;

/**
 * Goes through a dead-letter queue once, in stretches. What is left where it was is at the front again at the next
 * stretch, and known by its mark.
 */
export async function sweepQueue(holding: Holding, queue: QueueToSweep, sweep: Sweep): Promise<void> {
  const through = new Passage(queue, sweep);
  while (!through.over) {
    const before = through.looked;
    await holding((hold) => through.stretch(hold));
    if (!through.over && through.looked === before) return;
    if (!through.over) await pause(INTERLUDE, sweep.signal);
  }
}

class Passage {
  looked = 0;
  private readonly left = new Set<string>();
  private stuck = false;

  constructor(
    private readonly queue: QueueToSweep,
    private readonly sweep: Sweep,
  ) {}

  get over(): boolean {
    return this.stuck || this.sweep.cancelled || this.looked >= this.queue.all;
  }

  async stretch(hold: DeadLetterHold): Promise<void> {
    const end = performance.now() + STRETCH;
    while (!this.over && performance.now() < end) {
      const letters = await hold.next(WINDOW);
      if (letters.length === 0) return;
      // Beyond those that were there at the beginning come those that have died since.
      const unseen = letters
        .filter((letter) => !this.left.has(markOf(letter)))
        .slice(0, this.queue.all - this.looked);
      await this.treat(hold, unseen);
    }
  }

  private async treat(hold: DeadLetterHold, letters: readonly QueuedDeadLetter[]): Promise<void> {
    const { throttle, action } = this.sweep;
    const size = action === 'purge' ? WINDOW : Math.min(WINDOW, throttle.portion);
    for (let from = 0; from < letters.length && !this.over; from += size) {
      const portion = letters.slice(from, from + size);
      const wanted = portion.filter(this.queue.wants);
      for (const letter of portion) if (!wanted.includes(letter)) this.left.add(markOf(letter));
      if (wanted.length > 0) await this.act(hold, wanted);
      this.looked += portion.length;
      this.sweep.progress(this.queue.where, this.looked, this.queue.all);
    }
  }

  private async act(hold: DeadLetterHold, letters: readonly QueuedDeadLetter[]): Promise<void> {
    const { sweep } = this;
    const { where } = this.queue;
    if (sweep.action === 'purge') {
      await this.queue.giveUp(letters);
      await hold.remove(letters);
      return sweep.done(where, idsOf(letters));
    }
    await sweep.throttle.take(letters.length, sweep.signal);
    if (sweep.cancelled) return;
    const errors = await hold.requeue(letters);
    sweep.done(where, idsOf(letters.filter((_, index) => errors[index] === undefined)));
    this.fail(letters, errors);
  }

  /** When none of a portion can be put back, none of the others can. */
  private fail(letters: readonly QueuedDeadLetter[], errors: ReadonlyArray<Error | undefined>): void {
    for (const [index, error] of errors.entries()) {
      const letter = letters[index];
      if (!error || !letter) continue;
      this.left.add(markOf(letter));
      this.sweep.problem(this.queue.where, error, idsOf([letter]));
    }
    this.stuck = errors.every((error) => error !== undefined);
  }
}

const idsOf = (letters: readonly QueuedDeadLetter[]): string[] => letters.map(({ message }) => message.id);
