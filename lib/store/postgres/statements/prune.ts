import type { Tables } from '../tables.js';
import { expired } from './expired.js';
import type { Statement } from './statement.js';

export interface PruneStep {
  /** Rows removed. */
  count: number;
  /** Where the next step goes on; `null` when there is nothing more to find. */
  next: string | null;
}

/** Removes what has expired, in one step of a walk. */
export function prune(tables: Tables, after: string, retention: number, limit: number): Statement {
  return {
    text: `WITH ${expired(tables)}, pruned AS (
  DELETE FROM ${tables.outbox} WHERE seq = ANY (ARRAY(SELECT seq FROM expired)) RETURNING 1
)
SELECT (SELECT count(*) FROM pruned)::int AS count, next FROM step`,
    values: [after, retention, limit],
  };
}
