import type { Tables } from '../tables.js';
import { expired, type PruneFrom } from './expired.js';
import type { Statement } from './statement.js';

/** What both tables have; `archived_at` comes from its default. */
const COLUMNS = `seq, id, type, key, payload, content_type, headers, exchange, correlation_id, expiration, priority,
  created_at, attempts, last_error, errors, published_at, returned`;

/** Moves what has expired to the archive, in one step of a walk: each row is in one of the two tables, whoever dies. */
export function moveExpired(tables: Tables, { after, retention, limit }: PruneFrom): Statement {
  const { outbox, archive } = tables;
  return {
    text: `WITH ${expired(tables)}, gone AS (
  DELETE FROM ${outbox} WHERE seq = ANY (ARRAY(SELECT seq FROM expired)) RETURNING ${COLUMNS}
), moved AS (
  INSERT INTO ${archive} (${COLUMNS}) SELECT ${COLUMNS} FROM gone ORDER BY seq RETURNING 1
)
SELECT (SELECT count(*) FROM moved)::int AS count, next FROM step`,
    values: [after, retention, limit],
  };
}
