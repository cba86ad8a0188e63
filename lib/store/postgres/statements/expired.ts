import type { Tables } from '../tables.js';

/** Where a step of pruning begins, and how wide it is. */
export interface PruneFrom {
  readonly after: string;
  /** Milliseconds. */
  readonly retention: number;
  /** Rows looked at. */
  readonly limit: number;
}

/**
 * The published rows among the next `limit` ones that outlived the retention, locked, as a walk along the primary key
 * finds them. Parameters: `after`, `retention`, `limit`. Yields `expired (seq, bytes)`, and `step (next)`: where the next
 * step goes on, null when there is nothing more to find.
 *
 * The walk ends at the first row that is younger than the retention, as all behind it are (nearly) younger still: so it
 * never reads the table's hot end, and needs no index on the time of publishing, which would be written for every event.
 * Old rows that stay, because they are dead or were published late, are stepped over: stopping at them (as a plain `WHERE
 * state = 'published' ORDER BY seq LIMIT n` does) would keep all behind them for good.
 * Rows are looked up by arrays of their numbers, here and by whoever goes on with `expired`: with statistics from before
 * most were published, the planner would take a join of so many with so few for one with a handful, row by row.
 * SKIP LOCKED keeps two prunes from waiting for each other, and from taking the same rows.
 */
export const expired = ({ outbox }: Tables): string => `horizon AS MATERIALIZED (
  SELECT now() - $2::float8 * interval '1 millisecond' AS at
), page AS MATERIALIZED (
  SELECT seq, created_at FROM ${outbox} WHERE seq > $1 ORDER BY seq LIMIT $3
), expired AS MATERIALIZED (
  SELECT seq, octet_length(payload) AS bytes FROM ${outbox}
  WHERE seq = ANY (ARRAY(SELECT seq FROM page))
    AND state = 'published' AND published_at < (SELECT at FROM horizon)
  FOR UPDATE SKIP LOCKED
), last AS (
  SELECT seq, created_at FROM page ORDER BY seq DESC LIMIT 1
), step AS (
  SELECT (SELECT last.seq FROM last, horizon
    WHERE last.created_at < horizon.at AND (SELECT count(*) FROM page) = $3) AS next
)`;
