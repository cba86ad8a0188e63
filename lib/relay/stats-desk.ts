import type { OutboxStore, StoreStats } from '../store/store.js';

/** Where the counts of `stats()` stop. */
const COUNT_LIMIT = 10_000;
/** Milliseconds. */
const MAX_AGE = 1_000;

/**
 * Asks the database how things stand, at most once a second: scrapes, probes and pages come from everywhere, and all at
 * once. One question at a time, too: to a database that does not answer each would add another, until they hold all of
 * the relay's connections.
 */
export class StatsDesk {
  private asking: Promise<StoreStats> | undefined;
  private last: { readonly stats: StoreStats; readonly at: number } | undefined;

  constructor(
    private readonly store: Pick<OutboxStore, 'stats'>,
    private readonly lanes: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Rejects when the database refuses, for all who wait; the next one asks anew. */
  read(): Promise<StoreStats> {
    const { last } = this;
    if (last && this.now() - last.at < MAX_AGE) return Promise.resolve(last.stats);
    this.asking ??= this.ask();
    return this.asking;
  }

  /** What is known is no longer so. */
  forget(): void {
    this.last = undefined;
    this.asking = undefined;
  }

  private ask(): Promise<StoreStats> {
    const at = this.now();
    const mine = this.store.stats(COUNT_LIMIT, this.lanes).then((stats) => {
      if (this.asking === mine) this.last = { stats, at };
      return stats;
    });
    const over = () => {
      if (this.asking === mine) this.asking = undefined;
    };
    mine.then(over, over);
    return mine;
  }
}
