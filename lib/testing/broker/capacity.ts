import type { QueueSettings } from './queue-arguments.js';
import type { Ready } from './ready.js';

/** Below this share of its limit, a full quorum queue takes messages again. */
const LOW_WATER = 0.8;

/** A queue's `x-max-length` and `x-max-length-bytes`: what waits counts, what is delivered does not. */
export class Capacity {
  readonly #isUnlimited: boolean;
  #isFull = false;

  constructor(private readonly settings: QueueSettings) {
    this.#isUnlimited = settings.maxLength === Infinity && settings.maxBytes === Infinity;
  }

  /** A classic queue looks before it takes a message; a quorum queue notices afterwards, and is one message over. */
  refuses(ready: Ready, size: number): boolean {
    if (this.#isUnlimited || this.settings.overflow === 'drop-head') return false;
    if (this.settings.type === 'quorum') return this.#isFull;
    return ready.length + 1 > this.settings.maxLength || ready.bytes + size > this.settings.maxBytes;
  }

  /** The oldest message has to make room. */
  mustDrop(ready: Ready): boolean {
    return this.settings.overflow === 'drop-head' && ready.length > 0 && !this.#isWithin(ready, 1);
  }

  /** To be told after every change. */
  note(ready: Ready): void {
    if (this.#isFull) this.#isFull = !this.#isWithin(ready, LOW_WATER);
    else this.#isFull = !this.#isWithin(ready, 1);
  }

  #isWithin(ready: Ready, share: number): boolean {
    if (this.#isUnlimited) return true;
    const { maxLength, maxBytes } = this.settings;
    return ready.length <= Math.trunc(maxLength * share) && ready.bytes <= Math.trunc(maxBytes * share);
  }
}
