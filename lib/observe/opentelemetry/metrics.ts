import {
  metrics,
  type Attributes,
  type BatchObservableResult,
  type Meter,
  type Observable,
} from '@opentelemetry/api';
import { METRICS, type Label, type MetricDefinition } from '../metrics/definitions.js';
import type { OutboxMetrics, Reading } from '../metrics/outbox-metrics.js';
import type { Labels } from '../metrics/series.js';

const LABELS: Readonly<Record<Label, string>> = {
  type: 'outbox.event.type',
  consumer: 'messaging.destination.name',
  outcome: 'outbox.outcome',
  reason: 'outbox.reason',
  state: 'outbox.state',
  connection: 'outbox.connection',
};

/** What the conventions ask for beside our labels, where the metric is one of theirs. */
const CONVENTIONAL: Readonly<Record<string, Attributes>> = {
  'messaging.client.sent.messages': operation('send'),
  'messaging.client.operation.duration': operation('send'),
  'messaging.client.consumed.messages': operation('process'),
  'messaging.process.duration': operation('process'),
};

/** Shows the numbers of an outbox through the meter provider of the application. */
export class OpenTelemetryMetrics {
  private readonly meter: Meter = metrics.getMeter('nestjs-rabbitmq-outbox');
  private readonly observables: ReadonlyMap<MetricDefinition, Observable>;

  constructor(private readonly source: OutboxMetrics) {
    const observed = METRICS.filter(({ kind }) => kind !== 'histogram');
    this.observables = new Map(observed.map((definition) => [definition, this.observable(definition)]));
  }

  start(): void {
    for (const { definition, series } of this.distributions()) series.tap = this.recorder(definition);
    this.meter.addBatchObservableCallback(this.observe, [...this.observables.values()]);
  }

  stop(): void {
    for (const { series } of this.distributions()) series.tap = undefined;
    this.meter.removeBatchObservableCallback(this.observe, [...this.observables.values()]);
  }

  private distributions() {
    return Object.values(this.source.histograms).map((series) => ({ definition: series.definition, series }));
  }

  private observable({ otelName, kind, unit, help }: MetricDefinition): Observable {
    const options = { unit, description: help };
    return kind === 'counter'
      ? this.meter.createObservableCounter(otelName, options)
      : this.meter.createObservableGauge(otelName, options);
  }

  /** Attributes are made once for each set of labels: values come with every delivery. */
  private recorder(definition: MetricDefinition): (value: number, labels: Labels) => void {
    const { otelName, unit, help, buckets } = definition;
    const histogram = this.meter.createHistogram(otelName, {
      unit,
      description: help,
      advice: { explicitBucketBoundaries: [...(buckets ?? [])] },
    });
    const known = new Map<Labels, Attributes>();
    return (value, labels) => {
      let attributes = known.get(labels);
      if (!attributes) known.set(labels, (attributes = this.attributes(definition, labels)));
      histogram.record(value, attributes);
    };
  }

  private readonly observe = async (result: BatchObservableResult): Promise<void> => {
    const { counters, gauges }: Reading = await this.source.read();
    for (const { definition, points } of [...counters, ...gauges]) {
      const observable = this.observables.get(definition);
      if (!observable) continue;
      for (const { value, labels } of points)
        result.observe(observable, value, this.attributes(definition, labels));
    }
  };

  private attributes({ otelName }: MetricDefinition, labels: Labels): Attributes {
    const ours = Object.entries(labels).map(([label, value]) => [LABELS[label as Label], value]);
    return {
      'outbox.name': this.source.outbox.name,
      ...CONVENTIONAL[otelName],
      ...(Object.fromEntries(ours) as Attributes),
    };
  }
}

function operation(name: string): Attributes {
  return {
    'messaging.system': 'rabbitmq',
    'messaging.operation.name': name,
    'messaging.operation.type': name,
  };
}
