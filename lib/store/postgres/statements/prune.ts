import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';

export interface PruneStep {
  /** Rows deleted. */
  count: number;
  /** Where the next step goes on; `null` when there is nothing more to find. */
  next: string | null;
}

/**
 * One step of a walk along the primary key, `limit` rows wide: deletes the published rows among them that outlived the
 * retention. The walk ends at the first row that is younger than the retention, as all behind it are (nearly) younger
 * still: so it never reads the table's hot end, and needs no index on the time of publishing, which would be written
 * for every event. Old rows that stay, because they are dead or were published late, are stepped over: stopping at them
 * (as a plain `WHERE state = 'published' ORDER BY seq LIMIT n` does) would keep all behind them for good.
 * SKIP LOCKED keeps two prunes from waiting for each other.
 */
export function prune({ outbox }: Tables, after: string, retention: number, limit: number): Statement {
  return {
    text: `WITH horizon AS MATERIALIZED (
  SELECT now() - $2::float8 * interval '1 millisecond' AS at
), page AS MATERIALIZED (
  SELECT seq, created_at FROM ${outbox} WHERE seq > $1 ORDER BY seq LIMIT $3
), expired AS MATERIALIZED (
  SELECT o.seq FROM ${outbox} o JOIN page USING (seq), horizon
  WHERE o.state = 'published' AND o.published_at < horizon.at
  FOR UPDATE OF o SKIP LOCKED
), pruned AS (
  DELETE FROM ${outbox} WHERE seq IN (SELECT seq FROM expired) RETURNING 1
), last AS (
  SELECT seq, created_at FROM page ORDER BY seq DESC LIMIT 1
)
SELECT (SELECT count(*) FROM pruned)::int AS count,
  (SELECT last.seq FROM last, horizon WHERE last.created_at < horizon.at AND (SELECT count(*) FROM page) = $3) AS next`,
    values: [after, retention, limit],
  };
}
