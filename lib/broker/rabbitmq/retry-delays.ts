import type { Logger } from '@nestjs/common';
import { durationText } from '../../policy/duration.js';

/**
 * The delays that a retry can wait for. Where we declare what we need, that is any; where others do, there are those of
 * the handlers' policies, and what a `Retry` asks for is rounded up to one of them, or down to the longest.
 */
export class RetryDelays {
  private readonly known = new Set<number>();
  private readonly told = new Set<number>();

  constructor(
    private readonly declaring: boolean,
    private readonly logger: Pick<Logger, 'warn'>,
  ) {}

  add(delays: readonly number[]): void {
    for (const delay of delays) this.known.add(delay);
  }

  /** In ms, as all of them. */
  possible(delay: number): number {
    if (this.declaring || this.known.has(delay) || this.known.size === 0) return delay;
    const sorted = [...this.known].sort((a, b) => a - b);
    const found = sorted.find((known) => known >= delay) ?? (sorted.at(-1) as number);
    this.tell(delay, found);
    return found;
  }

  private tell(delay: number, found: number): void {
    if (this.told.has(delay)) return;
    this.told.add(delay);
    this.logger.warn(
      `No retry queue for ${durationText(delay)} was provided for: such retries wait ${durationText(found)}.`,
    );
  }
}
