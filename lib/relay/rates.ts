/** Events per second, over the last ten. */
export interface RelayRates {
  /** Confirmed by the broker and settled. */
  readonly published: number;
  /** Refused by the broker: retried, or dead. */
  readonly failed: number;
}

/** How many events have come to what, since a relay was made. */
interface Counts {
  readonly published: number;
  readonly rescheduled: number;
  readonly dead: number;
}

interface Sample extends RelayRates {
  readonly at: number;
}

/** What the rates are of, in milliseconds, and how finely. */
const WINDOW = 10_000;
const STEP = 1_000;

/** How fast a relay is. It is told of its counts as they grow, and keeps one of them for each second. */
export class Rates {
  private samples: [Sample, ...Sample[]];

  constructor(private readonly now: () => number = () => performance.now()) {
    this.samples = [{ at: now(), published: 0, failed: 0 }];
  }

  /** To be called whenever the counts have grown. */
  grown(counts: Counts): void {
    const at = this.now();
    const last = this.samples.at(-1) as Sample;
    if (at - last.at < STEP) return;
    this.samples.push({ at, ...totals(counts) });
    // The first of them stays from before the window: what was counted when it began.
    while (this.samples.length > 2 && (this.samples[1] as Sample).at <= at - WINDOW) this.samples.shift();
  }

  of(counts: Counts): RelayRates {
    const at = this.now();
    const begin = this.samples.findLast((sample) => sample.at <= at - WINDOW) ?? this.samples[0];
    const seconds = Math.max(STEP, at - Math.max(begin.at, at - WINDOW)) / 1_000;
    const { published, failed } = totals(counts);
    return {
      published: rounded((published - begin.published) / seconds),
      failed: rounded((failed - begin.failed) / seconds),
    };
  }
}

const totals = ({ published, rescheduled, dead }: Counts) => ({ published, failed: rescheduled + dead });

const rounded = (rate: number) => Math.round(rate * 10) / 10;
