import type { Logger } from '@nestjs/common';

/** Milliseconds between two notifications at least: each makes the database take turns with all others that notify. */
const INTERVAL = 5;

/**
 * Tells relays of other processes that something was committed: the first commit at once, those that follow together.
 * Never awaited and never failing: a notification that is lost costs the time until the next poll.
 */
export class Announcer {
  private isBusy = false;
  private isDue = false;
  private lastAt = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined;
  private isReported = false;
  private isClosed = false;

  constructor(
    private readonly notify: () => Promise<void>,
    private readonly logger: Pick<Logger, 'warn'>,
  ) {}

  announce(): void {
    this.isDue = true;
    this.next();
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
  }

  private next(): void {
    if (!this.isDue || this.isBusy || this.timer || this.isClosed) return;
    const wait = this.lastAt + INTERVAL - performance.now();
    if (wait <= 0) return void this.send();
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.next();
    }, wait);
  }

  private async send(): Promise<void> {
    this.isDue = false;
    this.isBusy = true;
    try {
      await this.notify();
      this.isReported = false;
    } catch (error) {
      this.report(error as Error);
    }
    this.isBusy = false;
    this.lastAt = performance.now();
    this.next();
  }

  private report({ message }: Error): void {
    if (!this.isReported && !this.isClosed)
      this.logger.warn(`Relays of other processes are not notified, and find events by polling: ${message}`);
    this.isReported = true;
  }
}
