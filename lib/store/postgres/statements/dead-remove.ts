import type { DeadEventFilter, DeadEventPage } from '../../dead-events.js';
import type { Tables } from '../tables.js';
import { deadRows } from './dead-filter.js';
import { failing, READY } from './pending-columns.js';
import type { Statement } from './statement.js';

/**
 * Deletes a page of dead rows, and lets go ahead what waited behind them. SKIP LOCKED: one that is being requeued this
 * moment is no longer dead.
 *
 * Readers have passed over what waits, and would find it at their next look at everything; what is emitted for the key
 * meanwhile would overtake it. So the first event that waits takes the removed one's place: it counts as one that has failed
 * and was put back (`errors`, `xid`), and the rest of its key stays behind it until it is published. Giving all that wait a
 * new `xid` lost: it writes a row for each, and misses one that commits this moment.
 *
 * Where a relay lets keys go on behind dead events, nothing waits, and nothing is touched: it may be on its way.
 */
export function deadRemove(tables: Tables, filter: DeadEventFilter, page: DeadEventPage): Statement {
  const { outbox, relays } = tables;
  const { text, values } = deadRows(filter, page);
  return {
    text: `WITH page AS MATERIALIZED (
  SELECT e.seq FROM ${outbox} e WHERE ${text} ORDER BY e.seq LIMIT $${values.length + 1} FOR UPDATE OF e SKIP LOCKED
), removed AS (
  DELETE FROM ${outbox} o USING page WHERE o.seq = page.seq RETURNING o.seq, o.id, o.key
), heirs AS (
  SELECT first.seq FROM (SELECT DISTINCT key FROM removed WHERE key IS NOT NULL) k,
    LATERAL (SELECT w.seq, w.key FROM ${outbox} w WHERE ${READY} AND w.key = k.key ORDER BY w.seq LIMIT 1) first
  WHERE NOT EXISTS (SELECT 1 FROM ${outbox} f WHERE f.key = first.key AND f.seq < first.seq AND ${failing(true)}
      AND f.seq NOT IN (SELECT seq FROM removed))
    AND NOT EXISTS (SELECT 1 FROM ${relays} WHERE report ->> 'onDead' = 'continue' AND seen_at > now() - interval '1 minute')
), freed AS (
  UPDATE ${outbox} h SET errors = coalesce(h.errors, '[]'), xid = pg_current_xact_id()
  FROM heirs WHERE h.seq = heirs.seq AND h.state = 'pending' AND h.available_at IS NULL
)
SELECT seq, id FROM removed ORDER BY seq`,
    values: [...values, page.limit],
  };
}
