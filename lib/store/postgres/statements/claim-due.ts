import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';
import { CLAIM_COLUMNS } from './claim-columns.js';

/**
 * Scheduled events and retries whose time has come by the database's clock. An event behind an earlier failed one of
 * its key is left where it is: the earlier one is due first, or is dead and parks the key.
 */
export function claimDue({ outbox }: Tables, parking: boolean, limit: number): Statement {
  const failing = parking ? "f.state <> 'published'" : "f.state = 'pending' AND f.state <> 'published'";
  return {
    text: `SELECT ${CLAIM_COLUMNS}
FROM ${outbox} e
WHERE e.state = 'pending' AND e.available_at <= clock_timestamp()
  AND NOT EXISTS (
    SELECT 1 FROM ${outbox} f WHERE f.key = e.key AND f.seq < e.seq AND f.errors IS NOT NULL AND ${failing})
ORDER BY e.available_at, e.seq
LIMIT $1
FOR UPDATE OF e SKIP LOCKED`,
    values: [limit],
  };
}
