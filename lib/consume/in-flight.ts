/** Counts what is under way, and tells when all of it has ended. */
export class InFlight {
  private count = 0;
  private waiting: Array<() => void> = [];

  get size(): number {
    return this.count;
  }

  began(): void {
    this.count++;
  }

  ended(): void {
    if (--this.count > 0) return;
    const { waiting } = this;
    this.waiting = [];
    for (const tell of waiting) tell();
  }

  /** Resolves when nothing is under way. */
  drained(): Promise<void> {
    if (this.count === 0) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push(resolve));
  }
}
