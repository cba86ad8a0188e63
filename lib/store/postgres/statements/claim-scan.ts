import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';
import { CLAIM_COLUMNS, notParked } from './claim-columns.js';

/**
 * The next page of everything that was visible at `epoch`, in the order of emission, beginning behind `after`.
 *
 * SKIP LOCKED passes over rows in flight, here or in another relay. Rows that commit while the pages are read stay out
 * (`pg_visible_in_snapshot`) and are found by the next fresh claim: taking them as they appear could publish an event
 * before an earlier one of its key whose page was read before it committed. Rows restored from another cluster, with
 * transaction numbers from a future this one has not reached, are never visible in an epoch; they count as fresh.
 */
export function claimScan(
  tables: Tables,
  parking: boolean,
  after: string,
  epoch: string,
  limit: number,
): Statement {
  return {
    text: `SELECT ${CLAIM_COLUMNS}
FROM ${tables.outbox} e
WHERE e.state = 'pending' AND e.available_at IS NULL AND e.seq > $1
  AND pg_visible_in_snapshot(e.xid, $2::pg_snapshot)
  AND ${notParked(tables, parking)}
ORDER BY e.seq
LIMIT $3
FOR UPDATE OF e SKIP LOCKED`,
    values: [after, epoch, limit],
  };
}
