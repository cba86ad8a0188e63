import type { ObservedOutbox } from '../observed-outbox.js';
import { within } from '../within.js';
import { judge, type HealthReport, type Thresholds } from './judge.js';

export interface HealthSettings extends Thresholds {
  /** Milliseconds to wait for the database. */
  readonly timeout: number;
  /** Milliseconds an answer is good for. */
  readonly cache: number;
}

/** Looks at one outbox, at most once in a while: probes come from everywhere, and all at once. */
export class HealthCheck {
  private last: { readonly report: Promise<HealthReport>; readonly at: number } | undefined;

  constructor(
    private readonly outbox: ObservedOutbox,
    private readonly settings: HealthSettings,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Resolves within the timeout, whatever is the matter. */
  check(): Promise<HealthReport> {
    const now = this.now();
    if (!this.last || now - this.last.at >= this.settings.cache) this.last = { report: this.look(), at: now };
    return this.last.report;
  }

  private async look(): Promise<HealthReport> {
    const { links, consumers } = this.outbox;
    const stats = await within(this.settings.timeout, this.outbox.stats());
    return judge({ stats, links, consumers }, this.settings);
  }
}
