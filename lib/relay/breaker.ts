import { backoffDelay, type Backoff } from '../policy/backoff.js';

/** Short at the longest: one statement every few seconds hurts nobody, and what comes back is noticed soon. */
const BACKOFF: Backoff = { delay: 200, factor: 2, maxDelay: 5_000, jitter: 'equal' };

/**
 * Keeps the relay from hammering a database or broker that is in trouble. `closed`: work goes on. `open`: nothing is
 * claimed until a wait has passed, which grows with every failure in a row. One success closes it.
 */
export class Breaker {
  private failures = 0;
  private openUntil = 0;
  private lastReason = '';

  constructor(
    private readonly hooks: { opened(reason: string): void; closed(): void },
    private readonly now: () => number = () => performance.now(),
  ) {}

  get open(): boolean {
    return this.failures > 0;
  }

  /** Of the last failure; `undefined` while it is closed. */
  get reason(): string | undefined {
    return this.open ? this.lastReason : undefined;
  }

  /** Milliseconds until the next try; 0 when it may be made now. */
  get wait(): number {
    return Math.max(0, this.openUntil - this.now());
  }

  /** What was in the way may be gone: the next try need not wait. */
  tryNow(): void {
    this.openUntil = 0;
  }

  failed(reason: string): void {
    this.failures++;
    this.lastReason = reason;
    this.openUntil = this.now() + backoffDelay(BACKOFF, this.failures);
    if (this.failures === 1) this.hooks.opened(reason);
  }

  succeeded(): void {
    if (this.failures === 0) return;
    this.failures = 0;
    this.openUntil = 0;
    this.hooks.closed();
  }
}
