import type { Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OutboxStore } from '../store/store.js';

type Listening = Awaited<ReturnType<OutboxStore['listen']>>;

/** How long a notification may take to us, how often we make sure that they still come, and waits after trouble; in ms. */
const TIMES = { hearing: 2_000, check: 15_000, firstRetry: 1_000, mostRetry: 60_000 };

/**
 * Hears the notifications of other processes, for as long as there is a connection that does; where there is none, behind
 * a pooler say, polling is all there is.
 */
export class Listener {
  private stopping = new AbortController();
  private running: Promise<void> | undefined;
  private isReported = false;
  /** Whether notifications have come through of late: what others commit is told to us. */
  isHearing = false;

  constructor(
    private readonly store: Pick<OutboxStore, 'listen'>,
    private readonly heard: () => void,
    private readonly logger: Pick<Logger, 'log' | 'warn'>,
    private readonly times = TIMES,
  ) {}

  start(): void {
    if (this.running) return;
    this.stopping = new AbortController();
    this.running = this.run().finally(() => {
      this.running = undefined;
    });
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { firstRetry, mostRetry } = this.times;
    for (let wait = firstRetry; !this.stopping.signal.aborted; wait = Math.min(mostRetry, wait * 2)) {
      const hasHeard = await this.listen();
      if (hasHeard) wait = firstRetry;
      await this.pause(wait);
    }
  }

  /** Listens until that ends. Resolves to whether it ever heard anything. Never rejects. */
  private async listen(): Promise<boolean> {
    let listening: Listening | undefined;
    let hasHeard = false;
    try {
      listening = await this.store.listen(this.heard);
      for (const lost = lossOf(listening); await this.hears(listening, lost);) {
        if (!hasHeard) this.nowListening();
        this.isHearing = hasHeard = true;
        await Promise.race([lost, this.pause(this.times.check)]);
      }
      if (!this.stopping.signal.aborted)
        this.report('notifications do not come through (is there a pooler?)');
    } catch (error) {
      this.report((error as Error).message);
    } finally {
      this.isHearing = false;
      await listening?.close();
    }
    return hasHeard;
  }

  private async hears(listening: Listening, lost: Promise<never>): Promise<boolean> {
    if (this.stopping.signal.aborted) return false;
    return Promise.race([listening.hears(this.times.hearing), lost]);
  }

  /** What was committed while nobody listened was notified to nobody. */
  private nowListening(): void {
    if (this.isReported) this.logger.log('Notified of events of other processes again.');
    this.isReported = false;
    this.heard();
  }

  private report(reason: string): void {
    if (!this.isReported)
      this.logger.warn(`Not notified of events of other processes, which are found by polling: ${reason}`);
    this.isReported = true;
  }

  private async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.stopping.signal }).catch(() => undefined);
  }
}

function lossOf(listening: Listening): Promise<never> {
  const lost = new Promise<never>((_, reject) => listening.onLost(reject));
  lost.catch(() => undefined);
  return lost;
}
