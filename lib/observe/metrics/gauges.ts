import type { RelayStats } from '../../relay/relay-stats.js';
import type { ObservedOutbox } from '../observed-outbox.js';
import { within } from '../within.js';
import { GAUGES, type MetricDefinition } from './definitions.js';
import type { Labels, Point } from './series.js';

export interface GaugeSettings {
  /** Whether to ask the database for what is in the table. */
  readonly table: boolean;
  /** Whether to ask the broker for what is on the dead-letter queues. */
  readonly deadLetters: boolean;
  /** Milliseconds to wait for either. */
  readonly timeout: number;
}

/** What the lifecycle has told so far. */
export interface Told {
  /** Seconds since 1970; 0 if there was none. */
  readonly lastSuccess: number;
  readonly breakerOpen: boolean;
  readonly paused: boolean;
  /** Queues that are paused by hand. One whose database is away is not: that is trouble. */
  readonly pausedConsumers: ReadonlySet<string>;
}

export interface Gauge {
  readonly definition: MetricDefinition;
  readonly points: readonly Point[];
}

/**
 * What is so at this moment. A database that does not answer in time holds up no scrape: its gauges are left out then,
 * for an old number would hide the trouble.
 */
export async function readGauges(
  outbox: ObservedOutbox,
  told: Told,
  settings: GaugeSettings,
): Promise<Gauge[]> {
  const [stats, deadLetters] = await Promise.all([
    settings.table ? inTime(settings.timeout, outbox.stats()) : undefined,
    settings.deadLetters ? inTime(settings.timeout, outbox.deadLetters()) : undefined,
  ]);
  return [
    ...(stats ? tableGauges(stats, outbox.lanes) : []),
    ...(outbox.relays ? relayGauges(told, stats) : []),
    ...linkGauges(outbox),
    ...consumerGauges(outbox, told),
    ...(deadLetters ? [deadLetterGauge(deadLetters)] : []),
  ];
}

async function inTime<T>(timeout: number, asked: Promise<T>): Promise<T | undefined> {
  const answer = await within(timeout, asked);
  return 'value' in answer ? answer.value : undefined;
}

type Value = [value: number, labels?: Labels];

const gauge = (definition: MetricDefinition, ...values: readonly Value[]): Gauge => ({
  definition,
  points: values.map(([number, labels = {}]) => ({ value: number, labels })),
});

const value = (is: boolean, labels?: Labels): Value => [is ? 1 : 0, labels];

function tableGauges({ pending, due, retrying, dead, lag, owners }: RelayStats, lanes: number): Gauge[] {
  const working = owners.filter((owner) => owner.lanes.length > 0);
  const worked = new Set(working.flatMap((owner) => owner.lanes)).size;
  return [
    byState(GAUGES.messages, { pending, due, retrying, dead }),
    gauge(GAUGES.lag, [lag / 1_000]),
    byState(GAUGES.relays, { working: working.length, idle: owners.length - working.length }),
    byState(GAUGES.lanes, { worked, free: lanes - worked }),
  ];
}

const byState = (definition: MetricDefinition, counts: Readonly<Record<string, number>>): Gauge =>
  gauge(definition, ...Object.entries(counts).map(([state, count]): Value => [count, { state }]));

function relayGauges({ lastSuccess, breakerOpen, paused }: Told, stats: RelayStats | undefined): Gauge[] {
  return [
    ...(stats ? [gauge(GAUGES.inFlight, [stats.inFlight])] : []),
    ...(lastSuccess > 0 ? [gauge(GAUGES.lastSuccess, [lastSuccess])] : []),
    gauge(GAUGES.breakerOpen, value(breakerOpen)),
    gauge(GAUGES.paused, value(paused)),
  ];
}

function linkGauges({ links }: ObservedOutbox): Gauge[] {
  const used = Object.entries(links).filter(([, state]) => state !== 'unused');
  const of = (is: (state: string) => boolean) =>
    used.map(([connection, state]) => value(is(state), { connection }));
  return [
    gauge(GAUGES.brokerConnected, ...of((state) => state !== 'disconnected')),
    gauge(GAUGES.brokerBlocked, ...of((state) => state === 'blocked')),
  ];
}

/** One that is paused is meant not to consume: as a 0 it would look like one that is lost. */
function consumerGauges({ consumers }: ObservedOutbox, { pausedConsumers }: Told): Gauge[] {
  const meant = consumers.filter(({ queue }) => !pausedConsumers.has(queue));
  return [
    gauge(GAUGES.consuming, ...meant.map(({ queue, consuming }) => value(consuming, { consumer: queue }))),
    gauge(
      GAUGES.consumerPaused,
      ...consumers.map(({ queue }) => value(pausedConsumers.has(queue), { consumer: queue })),
    ),
  ];
}

const deadLetterGauge = (counts: ReadonlyMap<string, number>): Gauge =>
  gauge(GAUGES.deadLetters, ...[...counts].map(([consumer, count]): Value => [count, { consumer }]));
