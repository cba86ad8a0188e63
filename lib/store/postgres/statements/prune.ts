import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';

/**
 * Deletes the oldest published rows that outlived the retention. Walks the primary key from its low end and stops at
 * `limit` published rows, expired or not: they are nearly in order of age, so an index on the time of publishing, written
 * for every event, is not needed. Unpublished rows are never touched, and SKIP LOCKED keeps two
 * prunes from waiting for each other.
 */
export function prune({ outbox }: Tables, retention: number, limit: number): Statement {
  return {
    text: `WITH oldest AS MATERIALIZED (
  SELECT seq FROM ${outbox} WHERE state = 'published' ORDER BY seq LIMIT $2
), expired AS MATERIALIZED (
  SELECT o.seq FROM ${outbox} o JOIN oldest USING (seq)
  WHERE o.state = 'published' AND o.published_at < now() - $1::float8 * interval '1 millisecond'
  FOR UPDATE OF o SKIP LOCKED
), pruned AS (
  DELETE FROM ${outbox} WHERE seq IN (SELECT seq FROM expired) RETURNING 1
)
SELECT count(*)::int AS count FROM pruned`,
    values: [retention, limit],
  };
}
