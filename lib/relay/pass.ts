import { Tally, type RelayCounts } from './relay-stats.js';
import type { Verdict } from './settlement.js';

/** Some events that somebody waits for, and what became of them. */
export class Pass {
  private readonly tally = new Tally();
  private open = 0;
  private isSealed = false;
  private trouble: Error | undefined;
  private end!: (counts: RelayCounts) => void;

  /** Resolves when all of its events are settled, or given up. */
  readonly ended = new Promise<RelayCounts>((resolve) => {
    this.end = resolve;
  });

  entered(): void {
    this.open++;
  }

  /** No more events will come. */
  seal(): void {
    this.isSealed = true;
    this.endIfDone();
  }

  settled(verdict: Verdict): void {
    if (verdict.kind === 'unknown') this.trouble ??= verdict.error;
    this.tally.add(verdict.kind);
    this.left();
  }

  /** An event of it was given up before it was published. */
  left(): void {
    this.open--;
    this.endIfDone();
  }

  /** Why events have an unknown fate. */
  get error(): Error | undefined {
    return this.trouble;
  }

  private endIfDone(): void {
    if (this.isSealed && this.open === 0) this.end(this.tally.counts);
  }
}
