import type { Label, MetricDefinition } from './definitions.js';

export type Labels = Readonly<Partial<Record<Label, string>>>;

/** One value of a counter or a gauge. */
export interface Point {
  readonly labels: Labels;
  value: number;
}

/** One distribution. */
export interface Distribution {
  readonly labels: Labels;
  /** How many fell into each bucket and into none below it; one more than there are bounds. */
  readonly buckets: number[];
  sum: number;
  count: number;
}

/** Told of every value as it comes: for those who must record it themselves. */
export type Tap = (value: number, labels: Labels) => void;

/** Values of one metric, one per set of labels, counted here: whoever exports them reads them when asked. */
class Series<Entry> {
  private readonly entries = new Map<string, Entry>();

  constructor(
    private readonly labels: readonly Label[],
    private readonly create: (labels: Labels) => Entry,
  ) {}

  /** The entry for these values of the metric's labels, in their order. */
  at(...values: readonly string[]): Entry {
    const key = values.length === 1 ? (values[0] as string) : values.join('\n');
    let entry = this.entries.get(key);
    if (!entry) {
      entry = this.create(Object.fromEntries(this.labels.map((label, index) => [label, values[index]])));
      this.entries.set(key, entry);
    }
    return entry;
  }

  get all(): readonly Entry[] {
    return [...this.entries.values()];
  }
}

export class Counter {
  private readonly series: Series<Point>;

  constructor(readonly definition: MetricDefinition) {
    this.series = new Series(definition.labels, (labels) => ({ labels, value: 0 }));
  }

  add(count: number, ...values: readonly string[]): void {
    this.series.at(...values).value += count;
  }

  get points(): readonly Point[] {
    return this.series.all;
  }
}

export class Histogram {
  tap: Tap | undefined;
  private readonly bounds: readonly number[];
  private readonly series: Series<Distribution>;

  constructor(readonly definition: MetricDefinition) {
    this.bounds = definition.buckets ?? [];
    this.series = new Series(definition.labels, (labels) => ({
      labels,
      buckets: new Array<number>(this.bounds.length + 1).fill(0),
      sum: 0,
      count: 0,
    }));
  }

  record(value: number, ...values: readonly string[]): void {
    const distribution = this.series.at(...values);
    let bucket = 0;
    while (bucket < this.bounds.length && value > (this.bounds[bucket] as number)) bucket++;
    distribution.buckets[bucket]!++;
    distribution.sum += value;
    distribution.count++;
    this.tap?.(value, distribution.labels);
  }

  get distributions(): readonly Distribution[] {
    return this.series.all;
  }
}
