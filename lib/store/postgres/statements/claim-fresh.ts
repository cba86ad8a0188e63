import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';
import { CLAIM_COLUMNS, notParked } from './claim-columns.js';
import type { Snapshot } from '../snapshot.js';

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
 */
export function claimFresh(tables: Tables, parking: boolean, previous: Snapshot, limit: number): Statement {
  const ready = `FROM ${tables.outbox} WHERE state = 'pending' AND available_at IS NULL`;
  return {
    text: `WITH fresh AS MATERIALIZED (
  SELECT seq FROM (
    SELECT seq ${ready} AND xid >= $1::xid8
    UNION ALL
    SELECT seq ${ready} AND xid = ANY ($2::xid8[])
  ) s
  ORDER BY seq + 0
  LIMIT $3
)
SELECT pg_current_snapshot()::text AS epoch, (SELECT count(*) FROM fresh)::int AS found, (SELECT max(seq) FROM fresh) AS last, c.*
FROM (SELECT 1) one
LEFT JOIN LATERAL (
  SELECT ${CLAIM_COLUMNS}
  FROM ${tables.outbox} e
  WHERE e.seq = ANY (ARRAY(SELECT seq FROM fresh)) AND e.state = 'pending' AND e.available_at IS NULL
    AND ${notParked(tables, parking)}
  ORDER BY e.seq
  FOR UPDATE OF e SKIP LOCKED
) c ON true`,
    values: [previous.xmax, previous.running, limit],
  };
}
