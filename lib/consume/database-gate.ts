import type { Logger } from '@nestjs/common';
import { backoffDelay, type Backoff } from '../policy/backoff.js';
import { settledOrAborted, sleep } from '../policy/waiting.js';
import { describeFailure } from './failure.js';

const PROBE_BACKOFF: Backoff = { delay: 100, factor: 2, maxDelay: 5_000, jitter: 'equal' };

export interface GateListener {
  /** It has been closed for longer than deliveries should be held. */
  closedForLong(): void;
  opened(): void;
}

/**
 * Closed while the database of the inbox does not answer: deliveries wait at it, untouched, and spend no attempt. One
 * looks for all of them whether the database is back.
 */
export class DatabaseGate {
  private opening: Promise<void> | undefined;
  private readonly ended = new AbortController();
  private readonly listeners = new Set<GateListener>();

  /** @param patience ms that deliveries are held before they should go back to their queues */
  constructor(
    private readonly probe: () => Promise<void>,
    private readonly patience: number,
    private readonly logger: Pick<Logger, 'log' | 'warn'>,
  ) {}

  listen(listener: GateListener): void {
    this.listeners.add(listener);
  }

  /** Whether the gate is open, now or after a wait; not if a signal aborts first. */
  pass(over: readonly AbortSignal[]): boolean | Promise<boolean> {
    return this.opening ? this.wait(this.opening, over) : true;
  }

  close(error: unknown): void {
    if (this.opening || this.ended.signal.aborted) return;
    this.logger.warn(
      `The database of the inbox does not answer: ${describeFailure(error)}. Deliveries wait for it, and spend no attempt.`,
    );
    this.opening = this.reopen();
  }

  /** For good: nobody looks for the database any more. */
  end(): void {
    this.ended.abort();
  }

  private async wait(opening: Promise<void>, over: readonly AbortSignal[]): Promise<boolean> {
    await settledOrAborted(opening, over);
    return !over.some(({ aborted }) => aborted);
  }

  private async reopen(): Promise<void> {
    const since = performance.now();
    const alarm = setTimeout(() => this.tell('closedForLong'), this.patience);
    const isBack = await this.lookUntilItAnswers();
    clearTimeout(alarm);
    this.opening = undefined;
    if (!isBack) return;
    const away = Math.round(performance.now() - since);
    this.logger.log(`The database of the inbox is back after ${away} ms.`);
    this.tell('opened');
  }

  private async lookUntilItAnswers(): Promise<boolean> {
    const { signal } = this.ended;
    for (let attempt = 1; ; attempt++) {
      await sleep(backoffDelay(PROBE_BACKOFF, attempt), [signal]);
      if (signal.aborted) return false;
      if (await this.answers()) return true;
    }
  }

  private async answers(): Promise<boolean> {
    try {
      await this.probe();
      return true;
    } catch {
      return false;
    }
  }

  private tell(what: keyof GateListener): void {
    for (const listener of this.listeners) listener[what]();
  }
}
