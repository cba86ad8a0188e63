import type { LaneSet } from '../../../event/lane.js';
import type { Snapshot } from '../snapshot.js';
import type { Tables } from '../tables.js';
import { inLanes, notHeldBack, PENDING_COLUMNS, READY, type PendingRow } from './pending-columns.js';

/** With the snapshot of the statement in front, how many rows it found and the last of them. */
export type FreshRow = [epoch: string, found: number, last: string | null, ...row: PendingRow];

/**
 * The rows that became visible since `previous`, oldest first, and the snapshot they were read in.
 *
 * A row is new exactly if its transaction had not begun (`xid >= xmax`) or was still running (`xid` among `xip`) then.
 * So a row that commits minutes after its neighbours is found at once, at the price of one index look-up per
 * transaction that was running, and no row is looked at twice. The alternatives lost: reading on from the highest
 * `seq` misses late rows for good; reading from the lowest pending one scans every dead row behind an old snapshot.
 *
 * `ORDER BY seq + 0` keeps the planner from walking the index on seq instead; only numbers are sorted, rows are fetched
 * for the page alone. `found` says whether the page may have cut the set short.
 *
 * Nothing is locked: only the holder of its lane reads a row, and a row that two have read is at worst published twice.
 * Locking a row is a write to it, and cost a tenth of the relay's rate.
 */
export function readFresh(
  tables: Tables,
  parking: boolean,
  lanes: LaneSet,
  previous: Snapshot,
  limit: number,
): string {
  const ready = `FROM ${tables.outbox} WHERE ${READY} AND ${inLanes(lanes)}`;
  return `WITH fresh AS MATERIALIZED (
  SELECT seq FROM (
    SELECT seq ${ready} AND xid >= '${previous.xmax}'
    UNION ALL
    SELECT seq ${ready} AND xid = ANY ('{${previous.running.join()}}')
  ) s
  ORDER BY seq + 0
  LIMIT ${limit}
)
SELECT pg_current_snapshot()::text, (SELECT count(*) FROM fresh)::int, (SELECT max(seq) FROM fresh), c.*
FROM (SELECT 1) one
LEFT JOIN LATERAL (
  SELECT ${PENDING_COLUMNS}
  FROM ${tables.outbox} e
  WHERE e.seq = ANY (ARRAY(SELECT seq FROM fresh)) AND ${READY} AND ${notHeldBack(tables, parking)}
  ORDER BY e.seq
) c ON true`;
}
