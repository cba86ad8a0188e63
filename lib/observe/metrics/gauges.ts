import type { RelayStats } from '../../relay/relay-stats.js';
import type { ObservedOutbox } from '../observed-outbox.js';
import { within } from '../within.js';
import { GAUGES, type MetricDefinition } from './definitions.js';
import type { Labels, Point } from './series.js';

export interface GaugeSettings {
  /** Whether to ask the database for what is in the table. */
  readonly table: boolean;
  /** Milliseconds to wait for it. */
  readonly timeout: number;
}

/** What the lifecycle has told so far. */
export interface RelayState {
  /** Seconds since 1970; 0 if there was none. */
  readonly lastSuccess: number;
  readonly breakerOpen: boolean;
  readonly paused: boolean;
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
  state: RelayState,
  settings: GaugeSettings,
): Promise<Gauge[]> {
  const answer = settings.table ? await within(settings.timeout, outbox.stats()) : undefined;
  const stats = answer && 'value' in answer ? answer.value : undefined;
  return [
    ...(stats ? tableGauges(stats) : []),
    ...(outbox.relays ? relayGauges(state, stats) : []),
    ...linkGauges(outbox),
    consumerGauge(outbox),
  ];
}

type Value = [value: number, labels?: Labels];

const gauge = (definition: MetricDefinition, ...values: readonly Value[]): Gauge => ({
  definition,
  points: values.map(([number, labels = {}]) => ({ value: number, labels })),
});

const value = (is: boolean, labels?: Labels): Value => [is ? 1 : 0, labels];

function tableGauges({ pending, retrying, dead, lag }: RelayStats): Gauge[] {
  const states = Object.entries({ pending, retrying, dead });
  return [
    gauge(GAUGES.messages, ...states.map(([state, count]): Value => [count, { state }])),
    gauge(GAUGES.lag, [lag / 1_000]),
  ];
}

function relayGauges(
  { lastSuccess, breakerOpen, paused }: RelayState,
  stats: RelayStats | undefined,
): Gauge[] {
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

const consumerGauge = ({ consumers }: ObservedOutbox): Gauge =>
  gauge(GAUGES.consuming, ...consumers.map(({ queue, consuming }) => value(consuming, { consumer: queue })));
