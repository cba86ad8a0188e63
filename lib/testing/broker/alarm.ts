import { performance } from 'node:perf_hooks';

/** The longest a Node timer waits; a longer one would fire at once. */
const MAX_DELAY = 2 ** 31 - 1;

/** One timer that can be moved. Rings at or after its time, never before. */
export class Alarm {
  #timer: NodeJS.Timeout | undefined;
  #due = Infinity;

  constructor(private readonly ring: () => void) {}

  /** Rings after so many milliseconds, whatever was set before. */
  set(delay: number): void {
    this.cancel();
    this.setAt(performance.now() + delay);
  }

  /** Rings at a time on the monotonic clock, unless it rings earlier already: whoever is rung sets it again. */
  setAt(due: number): void {
    if (due >= this.#due) return;
    this.cancel();
    this.#due = due;
    const delay = Math.min(MAX_DELAY, Math.max(0, Math.ceil(due - performance.now())));
    this.#timer = setTimeout(() => this.#fire(), delay);
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#due = Infinity;
  }

  #fire(): void {
    const due = this.#due;
    this.cancel();
    if (performance.now() < due) this.setAt(due);
    else this.ring();
  }
}
