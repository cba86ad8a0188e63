import type { SeenRelay, StoreStats } from '../store/store.js';
import type { RelayRates } from './rates.js';
import type { ReturnedKey } from './returned-keys.js';
import type { Verdict } from './settlement.js';

/** What a relay did, in events. */
export interface RelayCounts {
  readonly claimed: number;
  readonly published: number;
  /** Among the published: no queue was bound for them. */
  readonly returned: number;
  readonly rescheduled: number;
  readonly dead: number;
  /** Left pending because the broker's answer never came. */
  readonly unknown: number;
}

/** What `OutboxRelay.stats()` tells: of the table and of all relays, up to a second old; of this relay, as it is now. */
export interface RelayStats extends Omit<StoreStats, 'owners'> {
  /** Read by this relay and not settled yet. */
  readonly inFlight: number;
  /** Since this relay was made. */
  readonly counts: RelayCounts;
  readonly rates: RelayRates;
  /** What no queue was bound for since this relay was made, up to 100 routing keys, the most frequent first. */
  readonly returned: readonly ReturnedKey[];
  /** The relays of all processes: who works which lanes, and why others work none. */
  readonly owners: readonly RelayOwner[];
  readonly paused: boolean;
  /** `'open'`: nothing is read for a while, because the database or the broker is in trouble. */
  readonly breaker: 'open' | 'closed';
  /** Why it is open. */
  readonly reason: string | null;
  readonly brokerReady: boolean;
}

/** A relay in whatever process, with what it last told of itself; nothing yet, if it has only just come. */
export interface RelayOwner extends Omit<SeenRelay, 'report'>, Partial<RelayReport> {}

/** What a relay tells of itself in the table of relays, every few seconds. */
export interface RelayReport {
  readonly breaker: 'open' | 'closed';
  /** Why it is open. */
  readonly reason: string | null;
  readonly brokerReady: boolean;
  readonly paused: boolean;
  readonly onDead: 'park' | 'continue';
  readonly rates: RelayRates;
  /** The routing keys that most of its events without a queue had, up to 20. */
  readonly returned: readonly ReturnedKey[];
  /** By the clock of its machine: milliseconds since 1970. */
  readonly clock: number;
}

export const NOTHING: RelayCounts = {
  claimed: 0,
  published: 0,
  returned: 0,
  rescheduled: 0,
  dead: 0,
  unknown: 0,
};

/** Counts as it goes: one object per event would be the dearest part of counting. */
export class Tally {
  private readonly numbers = { ...NOTHING } as { -readonly [Kind in keyof RelayCounts]: number };

  add(kind: Verdict['kind']): void {
    this.numbers.claimed++;
    this.numbers[kind]++;
    if (kind === 'returned') this.numbers.published++;
  }

  get counts(): RelayCounts {
    return { ...this.numbers };
  }
}

export function addCounts(one: RelayCounts, other: RelayCounts): RelayCounts {
  const kinds = Object.keys(one) as Array<keyof RelayCounts>;
  return Object.fromEntries(kinds.map((kind) => [kind, one[kind] + other[kind]])) as unknown as RelayCounts;
}
