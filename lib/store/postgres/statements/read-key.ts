import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';
import { firstOfFailed, PENDING_COLUMNS, READY } from './pending-columns.js';

/**
 * The ready events of one key behind `after`, up to and including the first that has failed: what comes after that waits
 * for it. For keys of which more is pending than is worth keeping in memory, and for those that were held back.
 */
export function readKey(
  tables: Tables,
  parking: boolean,
  key: string,
  after: string,
  limit: number,
): Statement {
  return {
    text: `SELECT ${PENDING_COLUMNS}
FROM ${tables.outbox} e
WHERE ${READY} AND key = $1 AND seq > $2 AND ${firstOfFailed(tables, parking)}
ORDER BY seq
LIMIT $3`,
    values: [key, after, limit],
  };
}
