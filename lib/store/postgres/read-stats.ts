import type { StoreStats } from '../store.js';
import { BY_INDEX } from './statements/planner.js';
import { laneOf } from './statements/lanes.js';
import { stats, type StatsRow } from './statements/stats.js';
import type { Tables } from './tables.js';

/** Several statements in one message and one transaction. Resolves to the rows of each. */
type Script = (statements: readonly string[]) => Promise<unknown[][]>;

export async function readStats(
  script: Script,
  tables: Tables,
  { limit, lanes }: { readonly limit: number; readonly lanes: number },
): Promise<StoreStats> {
  const results = await script([BY_INDEX, stats(tables, limit)]);
  const [{ owners, ...counts }] = results.at(-1) as [StatsRow];
  return {
    ...counts,
    countedUpTo: limit,
    owners: owners.map(({ granules, ...relay }) => ({ ...relay, lanes: lanesOf(granules, lanes) })),
  };
}

const lanesOf = (granules: readonly number[], lanes: number): number[] =>
  [...new Set(granules.map((granule) => laneOf(granule, lanes)))].sort((one, other) => one - other);
