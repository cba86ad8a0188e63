import type { AsRead, Failure, OutboxStore, Settlement } from '../store/store.js';
import type { Entry } from './entry.js';
import type { Verdict } from './settlement.js';

/** An event and what is to be recorded of it. */
export interface Settled {
  readonly entry: Entry;
  readonly verdict: Exclude<Verdict, { kind: 'unknown' }>;
  /** No queue was bound, whatever follows from that. */
  readonly isReturned: boolean;
}

export interface SettlerHooks {
  /** `unchanged`: the numbers of failures whose row was not as it was read any more; see `OutboxStore.settle()`. */
  recorded(settled: readonly Settled[], unchanged: readonly number[]): void;
  /** It could not be recorded, and is tried again after so many ms. */
  failed(error: Error): number;
}

/** How long an outcome waits for others to be recorded with it, in milliseconds. Publishing does not wait for it. */
const PATIENCE = 20;
/** What one settlement holds at most. */
const MOST_AT_ONCE = 2_000;

/**
 * Records outcomes, many with one statement. What the database cannot take now is kept and tried again: an event that
 * was published must not be published twice because of it.
 */
export class Settler {
  private waiting: Settled[] = [];
  private timer: NodeJS.Timeout | undefined;
  private recording: Promise<void> | undefined;
  private isUrgent = false;
  private isStopped = false;

  constructor(
    private readonly store: Pick<OutboxStore, 'settle'>,
    /** So many, and they are recorded at once. */
    private readonly batchSize: number,
    private readonly hooks: SettlerHooks,
  ) {}

  add(settled: Settled): void {
    this.waiting.push(settled);
    if (this.waiting.length >= this.batchSize) this.recordIn(0);
    else this.timer ??= setTimeout(() => this.recordIn(0), PATIENCE);
  }

  /** Does not wait for more to come. Resolves when everything there is has been recorded, or could not be. */
  async flush(): Promise<void> {
    this.isUrgent = true;
    await (this.waiting.length > 0 ? this.record() : this.recording);
  }

  get isIdle(): boolean {
    return this.waiting.length === 0 && !this.recording;
  }

  /** What is not recorded by now will be published again. */
  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.waiting = [];
  }

  private recordIn(wait: number): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    // A flush may have been quicker than the timer.
    if (this.recording || this.waiting.length === 0) return;
    if (wait > 0) this.timer = setTimeout(() => this.recordIn(0), wait);
    else void this.record();
  }

  private record(): Promise<void> {
    this.recording ??= this.recordAll().finally(() => {
      this.recording = undefined;
      this.isUrgent = false;
    });
    return this.recording;
  }

  /** Never rejects. */
  private async recordAll(): Promise<void> {
    do {
      const batch = this.waiting.splice(0, MOST_AT_ONCE);
      let unchanged: readonly number[];
      try {
        unchanged = await this.store.settle(settlementOf(batch));
      } catch (error) {
        // To try again for ever would keep the process alive.
        if (this.isStopped) return;
        this.waiting.unshift(...batch);
        const wait = this.hooks.failed(error as Error);
        this.timer = setTimeout(() => this.recordIn(0), wait);
        return;
      }
      this.hooks.recorded(batch, unchanged);
    } while (this.waiting.length >= this.batchSize || (this.isUrgent && this.waiting.length > 0));
    if (this.waiting.length > 0) this.timer ??= setTimeout(() => this.recordIn(0), PATIENCE);
  }
}

function settlementOf(batch: readonly Settled[]): Settlement {
  const published: AsRead[] = [];
  const returned: AsRead[] = [];
  const rescheduled: Failure[] = [];
  const dead: Failure[] = [];
  for (const { entry, verdict } of batch) {
    if (verdict.kind === 'published') published.push(entry.event);
    else if (verdict.kind === 'returned') returned.push(entry.event);
    else (verdict.kind === 'dead' ? dead : rescheduled).push(verdict.failure);
  }
  return { published, returned, rescheduled, dead };
}
