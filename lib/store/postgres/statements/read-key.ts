import type { PendingEvent } from '../../store.js';
import type { Tables } from '../tables.js';
import { firstOfFailed, PENDING_COLUMNS, pendingEvent, READY } from './pending-columns.js';
import { literal, type Selection } from './statement.js';

/**
 * The ready events of one key behind `after`, up to and including the first that has failed: what comes after that waits
 * for it. For keys of which more is pending than is worth keeping in memory, and for those that were held back.
 */
export function readKey(
  tables: Tables,
  parking: boolean,
  key: string,
  after: number,
  limit: number,
): Selection<PendingEvent> {
  return {
    text: `SELECT ${PENDING_COLUMNS}
FROM ${tables.outbox} e
WHERE ${READY} AND key = ${literal(key)} AND seq > ${after} AND ${firstOfFailed(tables, parking)}
ORDER BY seq
LIMIT ${limit}`,
    build: pendingEvent,
  };
}
