import type { Metric, Registry } from 'prom-client';
import { METRICS, type MetricDefinition } from '../metrics/definitions.js';
import type { OutboxMetrics, Reading } from '../metrics/outbox-metrics.js';
import { ExportedMetric, type Exporter } from './exported-metric.js';

/** Shows the numbers of any number of outboxes in one registry of `prom-client`. */
export class PrometheusExporter implements Exporter {
  private readonly sources = new Set<OutboxMetrics>();
  private reading: Promise<ReadonlyMap<OutboxMetrics, Reading>> | undefined;

  /** The one that is in the registry already, if another outbox has put one there. It is in there once it has a source. */
  static of(registry: Registry): PrometheusExporter {
    const [first] = METRICS as [MetricDefinition];
    const found: unknown = registry.getSingleMetric(first.name);
    const there = found instanceof ExportedMetric ? found.exporter : undefined;
    return there instanceof PrometheusExporter ? there : new PrometheusExporter(registry);
  }

  private constructor(private readonly registry: Registry) {}

  add(source: OutboxMetrics): void {
    if (this.sources.size === 0) this.register();
    this.sources.add(source);
  }

  remove(source: OutboxMetrics): void {
    this.sources.delete(source);
    if (this.sources.size === 0) for (const { name } of METRICS) this.registry.removeSingleMetric(name);
  }

  /** A scrape asks all metrics at once: one reading serves those that ask while it is under way. */
  readAll(): Promise<ReadonlyMap<OutboxMetrics, Reading>> {
    this.reading ??= readingsOf([...this.sources]).finally(() => {
      this.reading = undefined;
    });
    return this.reading;
  }

  private register(): void {
    for (const definition of METRICS)
      this.registry.registerMetric(new ExportedMetric(definition, this) as unknown as Metric);
  }
}

async function readingsOf(sources: readonly OutboxMetrics[]): Promise<ReadonlyMap<OutboxMetrics, Reading>> {
  return new Map(await Promise.all(sources.map(async (source) => [source, await source.read()] as const)));
}
