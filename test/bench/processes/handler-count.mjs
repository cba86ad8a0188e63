/** What every consumer of a benchmark counts with: the first message and the last are the ends of the measurement. */
export class HandlerCount {
  #count = 0;
  #expected = Infinity;
  #started;
  #cpu;
  #done;

  /** Resolves when that many have been handled, to messages per second and microseconds of this process's CPU for each. */
  expect(events) {
    this.#count = 0;
    this.#expected = events;
    return new Promise((resolve) => {
      this.#done = resolve;
    });
  }

  /** The handler: it does nothing but count. */
  handled() {
    if (this.#count === 0) this.#begin();
    if (++this.#count === this.#expected) this.#end();
  }

  #begin() {
    this.#started = performance.now();
    this.#cpu = process.cpuUsage();
  }

  #end() {
    const perSecond = this.#count / ((performance.now() - this.#started) / 1000);
    const { user, system } = process.cpuUsage(this.#cpu);
    this.#done({ perSecond, cpu: (user + system) / this.#count });
  }
}
