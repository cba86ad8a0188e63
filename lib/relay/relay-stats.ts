import type { StoreStats } from '../store/store.js';
import type { BatchReport } from './batch.js';

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

export interface RelayStats extends StoreStats {
  /** Claimed by this relay and not settled yet. */
  readonly inFlight: number;
  /** Since this relay was made. */
  readonly counts: RelayCounts;
  readonly paused: boolean;
  /** `'open'`: nothing is claimed for a while, because the database or the broker is in trouble. */
  readonly breaker: 'open' | 'closed';
  readonly brokerReady: boolean;
}

export const NOTHING: RelayCounts = {
  claimed: 0,
  published: 0,
  returned: 0,
  rescheduled: 0,
  dead: 0,
  unknown: 0,
};

export function addReports(total: RelayCounts, report: BatchReport | undefined): RelayCounts {
  if (!report) return total;
  return {
    claimed: total.claimed + report.claimed,
    published: total.published + report.published,
    returned: total.returned + report.returned,
    rescheduled: total.rescheduled + report.rescheduled,
    dead: total.dead + report.dead,
    unknown: total.unknown + report.unknown,
  };
}
