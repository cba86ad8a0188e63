/** Looks at the memory of a relay process again and again. */
export class MemoryWatch {
  /** The most there was, in bytes. */
  highest = 0;
  #timer;

  constructor(relay) {
    this.#timer = setInterval(() => void this.#look(relay), 250);
  }

  stop() {
    clearInterval(this.#timer);
  }

  async #look(relay) {
    this.highest = Math.max(this.highest, await relay.call('memory').catch(() => 0));
  }
}
