import type { DeadEventFilter, DeadEventPage } from '../../dead-events.js';
import type { Tables } from '../tables.js';
import { deadRows } from './dead-filter.js';
import type { Statement } from './statement.js';

/**
 * A page of dead rows becomes pending again. `errors` stay: by them a row keeps the rest of its key behind it until it is
 * published. The new `xid` makes it one of the rows that became visible just now, which is what readers look for.
 * SKIP LOCKED: what another operator has in hand this moment is his.
 */
export function deadRequeue({ outbox }: Tables, filter: DeadEventFilter, page: DeadEventPage): Statement {
  const { text, values } = deadRows(filter, page);
  return {
    text: `WITH page AS MATERIALIZED (
  SELECT e.seq FROM ${outbox} e WHERE ${text} ORDER BY e.seq LIMIT $${values.length + 1} FOR UPDATE OF e SKIP LOCKED
), requeued AS (
  UPDATE ${outbox} o SET state = 'pending', attempts = 0, available_at = NULL, xid = pg_current_xact_id()
  FROM page WHERE o.seq = page.seq
  RETURNING o.seq, o.id
)
SELECT seq, id FROM requeued ORDER BY seq`,
    values: [...values, page.limit],
  };
}
