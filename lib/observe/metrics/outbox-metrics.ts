import type { EventRef, LifecycleMessage, LifecycleName } from '../../lifecycle/messages.js';
import type { ObservedOutbox } from '../observed-outbox.js';
import {
  beginConsumer,
  beginType,
  beginWithoutLabels,
  type Counters,
  type HandlingOutcome,
} from './beginnings.js';
import { COUNTERS, HISTOGRAMS, type MetricDefinition } from './definitions.js';
import { EventTypes } from './event-types.js';
import { readGauges, type Gauge, type GaugeSettings } from './gauges.js';
import { Counter, Histogram } from './series.js';

export interface MetricsSettings extends GaugeSettings {
  /** Types that are told apart, or how many at most. */
  readonly types: readonly string[] | number;
}

/** What is read at one moment. */
export interface Reading {
  readonly counters: readonly Counter[];
  readonly histograms: readonly Histogram[];
  readonly gauges: readonly Gauge[];
}

/** Counts what the lifecycle tells of one outbox. Whoever exports the numbers reads them when asked to. */
export class OutboxMetrics {
  readonly histograms = each(HISTOGRAMS, (definition) => new Histogram(definition));
  private readonly counters: Counters = each(COUNTERS, (definition) => new Counter(definition));
  private readonly told = {
    lastSuccess: 0,
    breakerOpen: false,
    paused: false,
    pausedConsumers: new Set<string>(),
  };
  private readonly types: EventTypes;
  private readonly stops: Array<() => void> = [];

  constructor(
    readonly outbox: ObservedOutbox,
    private readonly settings: MetricsSettings,
  ) {
    beginWithoutLabels(this.counters);
    this.types = new EventTypes(settings.types, (type) => beginType(this.counters, type, outbox));
    this.followEmits();
    this.followRelay();
    this.followConsumers();
  }

  async read(): Promise<Reading> {
    for (const { queue } of this.outbox.consumers) beginConsumer(this.counters, queue);
    return {
      counters: Object.values(this.counters),
      histograms: Object.values(this.histograms),
      gauges: await readGauges(this.outbox, this.told, this.settings),
    };
  }

  close(): void {
    for (const stop of this.stops.splice(0)) stop();
  }

  private on<Name extends LifecycleName>(name: Name, count: (message: LifecycleMessage<Name>) => void): void {
    this.stops.push(this.outbox.lifecycle.listen(name, count));
  }

  private followEmits(): void {
    // Which of several were duplicates is not known; that some had an id of the emitter's own is rare.
    this.on('emitted', ({ events, duplicates }) =>
      this.countTypes(this.counters.emitted, duplicates > 0 ? events.slice(duplicates) : events),
    );
  }

  private followRelay(): void {
    const { counters, histograms, told } = this;
    this.on('published', ({ events }) => {
      const now = Date.now();
      this.countTypes(counters.published, events);
      // By the database's clock and ours, which may differ: no event was published before it was emitted.
      for (const { occurredAt } of events)
        histograms.publishLag.record(Math.max(0, now - occurredAt) / 1_000);
      told.lastSuccess = now / 1_000;
    });
    this.on('unroutable', ({ events }) => this.countTypes(counters.unroutable, events));
    this.on('publish-failed', ({ events }) => {
      this.countTypes(counters.publishFailures, events);
      const again = events.filter(({ delay }) => delay !== null);
      this.countTypes(counters.publishRetries, again);
    });
    this.on('dead', ({ events }) => this.countTypes(counters.publishDead, events));
    this.on('batch-settled', ({ published, failed, unknown, duration }) => {
      counters.unanswered.add(unknown);
      if (published + failed === 0) return;
      histograms.publishDuration.record(duration / 1_000);
      histograms.batchSize.record(published + failed);
    });
    this.on('pruned', ({ count }) => counters.pruned.add(count));
    this.on('breaker-opened', () => {
      counters.breakerOpened.add(1);
      told.breakerOpen = true;
    });
    this.on('breaker-closed', () => void (told.breakerOpen = false));
    this.on('relay-paused', () => void (told.paused = true));
    this.on('relay-resumed', () => void (told.paused = false));
  }

  private followConsumers(): void {
    const { counters, told } = this;
    this.on('received', ({ queue }) => counters.received.add(1, queue));
    this.on('handled', (event) => this.settled(event, 'handled'));
    this.on('aborted', (event) => this.settled(event, 'aborted'));
    this.on('retried', (event) => {
      this.settled(event, 'retried');
      counters.handlerRetries.add(1, event.queue);
    });
    this.on('dead-lettered', (event) => {
      this.settled(event, 'dead-lettered');
      counters.handlerDead.add(1, event.queue, event.reason);
    });
    this.on('duplicate', ({ queue }) => {
      counters.processed.add(1, queue, 'duplicate');
      counters.duplicates.add(1, queue);
    });
    this.on('consumer-paused', ({ queue }) => told.pausedConsumers.add(queue));
    this.on('consumer-resumed', ({ queue }) => told.pausedConsumers.delete(queue));
  }

  private settled({ queue, duration }: { queue: string; duration: number }, outcome: HandlingOutcome): void {
    this.counters.processed.add(1, queue, outcome);
    this.histograms.handlerDuration.record(duration / 1_000, queue);
  }

  private countTypes(counter: Counter, events: readonly EventRef[]): void {
    for (const { type } of events) counter.add(1, this.types.label(type));
  }
}

function each<Key extends string, Made>(
  definitions: Readonly<Record<Key, MetricDefinition>>,
  make: (definition: MetricDefinition) => Made,
): Readonly<Record<Key, Made>> {
  const made = Object.entries<MetricDefinition>(definitions).map(([key, definition]) => [
    key,
    make(definition),
  ]);
  return Object.fromEntries(made) as Record<Key, Made>;
}
