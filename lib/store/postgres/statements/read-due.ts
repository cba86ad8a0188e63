import type { LaneSet } from '../../../event/lane.js';
import type { Tables } from '../tables.js';
import { isDue } from './look-for-due.js';
import type { PendingEvent } from '../../store.js';
import { inLanes, PENDING_COLUMNS, pendingEvent } from './pending-columns.js';
import type { Selection } from './statement.js';
import { UNHURRIED } from './unhurried.js';

/**
 * Scheduled events and retries whose time has come by the database's clock. They become ready like any other, with a
 * transaction number of this moment, by which every reader finds them even if this one dies with the answer.
 *
 * SKIP LOCKED passes over an event that is being cancelled this moment, and over what another relay is looking at.
 */
export function readDue(
  tables: Tables,
  parking: boolean,
  lanes: LaneSet,
  limit: number,
): Selection<PendingEvent> {
  const text = `WITH due AS MATERIALIZED (
  SELECT seq, available_at AS due_at FROM ${tables.outbox} e
  WHERE ${isDue(tables, parking, inLanes(lanes))} AND ${UNHURRIED}
  ORDER BY available_at, seq
  LIMIT ${limit}
  FOR UPDATE SKIP LOCKED
), released AS (
  UPDATE ${tables.outbox} e SET available_at = NULL, xid = pg_current_xact_id()
  FROM due WHERE e.seq = due.seq
  RETURNING due.due_at, e.*
)
SELECT ${PENDING_COLUMNS} FROM released e ORDER BY e.due_at, e.seq`;
  return { text, build: pendingEvent };
}
