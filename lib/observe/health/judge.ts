import type { BrokerLinks, LinkState } from '../../broker/link-state.js';
import type { ConsumerState } from '../../consume/consumers.js';
import type { RelayStats } from '../../relay/relay-stats.js';
import { durationText } from '../../policy/duration.js';
import type { InTime } from '../within.js';

export interface Thresholds {
  /** Milliseconds. */
  readonly maxLag: number;
  readonly maxDead: number;
}

/** What was seen. */
export interface Observation {
  readonly stats: InTime<RelayStats>;
  readonly links: BrokerLinks;
  readonly consumers: readonly Consuming[];
}

type Consuming = Pick<ConsumerState, 'queue' | 'consuming' | 'paused'>;

export interface HealthReport {
  readonly status: 'up' | 'degraded' | 'down';
  /** Why it is not `up`, for people. */
  readonly reasons: readonly string[];
  readonly database: 'up' | 'down';
  /** The connections this process has need of. */
  readonly broker: Readonly<Partial<Record<keyof BrokerLinks, LinkState>>>;
  /** Milliseconds; missing when the database does not answer. */
  readonly lag?: number;
  /** Rows of the outbox that are dead; missing when the database does not answer. */
  readonly dead?: number;
}

/**
 * A database that does not answer, or is read-only, is `down`: nothing can be emitted. Everything else is `degraded`, for
 * the application can go on: without the broker too, that is what the outbox is for.
 */
export function judge({ stats, links, consumers }: Observation, thresholds: Thresholds): HealthReport {
  const broker = Object.fromEntries(Object.entries(links).filter(([, state]) => state !== 'unused'));
  const troubles = [...linkTroubles(links), ...consumerTroubles(consumers)];
  if ('error' in stats) {
    const reasons = [`the database does not answer: ${stats.error.message}`, ...troubles];
    return { status: 'down', reasons, database: 'down', broker };
  }
  const { lag, dead, readOnly } = stats.value;
  if (readOnly) {
    const reasons = ['the database is read-only: nothing can be emitted', ...troubles];
    return { status: 'down', reasons, database: 'down', broker, lag: Math.round(lag), dead };
  }
  const reasons = [...troubles, ...tableTroubles(stats.value, thresholds)];
  const status = reasons.length > 0 ? 'degraded' : 'up';
  return { status, reasons, database: 'up', broker, lag: Math.round(lag), dead };
}

function linkTroubles(links: BrokerLinks): string[] {
  return Object.entries(links).flatMap(([connection, state]) => {
    if (state === 'disconnected') return [`the broker cannot be reached (${connection})`];
    return state === 'blocked' ? [`the broker has blocked us (${connection})`] : [];
  });
}

/** One that is paused is meant not to consume. */
function consumerTroubles(consumers: readonly Consuming[]): string[] {
  const lost = consumers.filter(({ consuming, paused }) => !consuming && !paused).map(({ queue }) => queue);
  return lost.length > 0 ? [`not consuming ${lost.join(', ')}`] : [];
}

function tableTroubles({ lag, dead, countedUpTo }: RelayStats, { maxLag, maxDead }: Thresholds): string[] {
  const troubles: string[] = [];
  if (lag > maxLag) {
    const most = durationText(maxLag);
    troubles.push(`the oldest event has been waiting for ${Math.round(lag)} ms, more than ${most}`);
  }
  if (dead > maxDead) {
    const many = dead >= countedUpTo ? `${countedUpTo} or more` : String(dead);
    troubles.push(`${many} events are dead, more than ${maxDead}`);
  }
  return troubles;
}
