import type { Tables } from '../../tables.js';
import type { Statement } from '../statement.js';

/** One row each of the two small indexes of what is pending, and the first failure of its key, if it has one. */
export const inspectHead = ({ outbox }: Tables): Statement => ({
  text: `SELECT h.id, h.type, h.key, h.attempts, h.last_error AS "lastError",
  (extract(epoch FROM clock_timestamp() - h.since) * 1000)::float8 AS age,
  CASE WHEN b.id IS NOT NULL THEN json_build_object(
    'id', b.id, 'state', b.state, 'error', b.last_error, 'dueAt', b.available_at) END AS "heldBy"
FROM (
  (SELECT seq, id, type, key, attempts, last_error, created_at AS since FROM ${outbox}
   WHERE state = 'pending' AND available_at IS NULL ORDER BY seq LIMIT 1)
  UNION ALL
  (SELECT seq, id, type, key, attempts, last_error, available_at AS since FROM ${outbox}
   WHERE state = 'pending' AND available_at IS NOT NULL AND available_at <= clock_timestamp()
   ORDER BY available_at LIMIT 1)
) h
LEFT JOIN LATERAL (
  SELECT id, state, last_error, available_at FROM ${outbox} f
  WHERE f.key = h.key AND f.seq < h.seq AND f.errors IS NOT NULL AND f.state <> 'published'
  ORDER BY f.seq LIMIT 1
) b ON true
ORDER BY h.since
LIMIT 1`,
  values: [],
});
