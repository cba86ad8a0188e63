import type { Tables } from '../../tables.js';
import type { Statement } from '../statement.js';

/** The end of the table, by its primary key: an index on the type would be written for every event. */
export const inspectRecentTypes = ({ outbox }: Tables, limit: number): Statement => ({
  text: `SELECT type, exchange, count(*)::int AS count, bool_or(current) AS "isCurrent",
  (count(*) FILTER (WHERE returned))::int AS returned,
  max(published_at) FILTER (WHERE returned) AS "lastReturnedAt",
  (array_agg(id ORDER BY seq DESC) FILTER (WHERE returned))[1] AS "lastReturnedId"
FROM (
  SELECT seq, id, type, exchange, published_at, returned AND published_at > now() - interval '1 day' AS returned,
    state = 'pending' OR created_at > now() - interval '1 day' AS current
  FROM ${outbox} ORDER BY seq DESC LIMIT $1
) latest
GROUP BY type, exchange
ORDER BY count DESC`,
  values: [limit],
});
