import type { MetricDefinition } from '../metrics/definitions.js';
import type { OutboxMetrics, Reading } from '../metrics/outbox-metrics.js';
import type { Distribution, Labels, Point } from '../metrics/series.js';

/** The outboxes whose numbers a registry shows. */
export interface Exporter {
  /** Reads each of them once per scrape, however many metrics are asked for. */
  readAll(): Promise<ReadonlyMap<OutboxMetrics, Reading>>;
}

export interface Value {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/**
 * One of our metrics as `prom-client`'s registry knows metrics. The numbers are counted elsewhere and read here:
 * `prom-client`'s own counters take a microsecond for each delivery, ours a hundredth of that.
 */
export class ExportedMetric<Of extends Exporter = Exporter> {
  /** The registry changes it when it speaks OpenMetrics. */
  name: string;
  readonly help: string;
  readonly type: MetricDefinition['kind'];
  readonly aggregator = 'sum';

  constructor(
    readonly definition: MetricDefinition,
    readonly exporter: Of,
  ) {
    this.name = definition.name;
    this.help = definition.help;
    this.type = definition.kind;
  }

  async get() {
    const { name, help, type, aggregator } = this;
    const values: Value[] = [];
    for (const [{ outbox }, reading] of await this.exporter.readAll()) {
      values.push(...valuesOf(this.definition, reading, outbox.name));
    }
    return { name, help, type, aggregator, values };
  }

  /** The registry's `resetMetrics()` is for tests of an application, which has its own numbers to reset. */
  reset(): void {}
}

function valuesOf(definition: MetricDefinition, reading: Reading, outbox: string): Value[] {
  const mine = (part: { readonly definition: MetricDefinition }) => part.definition === definition;
  const points = [...reading.counters, ...reading.gauges].filter(mine).flatMap((part) => part.points);
  const distributions = reading.histograms.filter(mine).flatMap((part) => part.distributions);
  return [
    ...points.map(({ labels, value }: Point) => ({ labels: { outbox, ...labels }, value })),
    ...distributions.flatMap((distribution) => histogramValues(definition, distribution, outbox)),
  ];
}

function histogramValues(
  { name, buckets = [] }: MetricDefinition,
  distribution: Distribution,
  outbox: string,
): Value[] {
  const labels: Labels & { outbox: string } = { outbox, ...distribution.labels };
  let below = 0;
  const cumulative = [...buckets, '+Inf'].map((le, index) => {
    below += distribution.buckets[index] ?? 0;
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: below };
  });
  return [
    ...cumulative,
    { metricName: `${name}_sum`, labels, value: distribution.sum },
    { metricName: `${name}_count`, labels, value: distribution.count },
  ];
}
