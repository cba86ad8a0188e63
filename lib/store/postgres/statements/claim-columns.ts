import type { Tables } from '../tables.js';

/** What the relay needs of a row. Times as numbers: parsing a timestamp into a Date costs more than the rest. */
export const CLAIM_COLUMNS = `e.seq, e.id, e.type, e.key, e.payload, e.content_type, e.headers, e.exchange, e.correlation_id,
  e.expiration, e.priority, e.attempts, e.errors IS NOT NULL AS has_failed, extract(epoch FROM e.created_at)::float8 AS occurred_at`;

/**
 * Whether no earlier event of the row's key has failed: a failing event holds back the rest of its key. The set of such
 * keys is small; it is read once per statement and hashed. With `parking` false a dead event holds back nobody.
 */
export function notParked({ outbox }: Tables, parking: boolean): string {
  const failing = parking ? "f.state <> 'published'" : "f.state = 'pending' AND f.state <> 'published'";
  return `(e.key IS NULL OR e.key NOT IN (
    SELECT f.key FROM ${outbox} f WHERE f.errors IS NOT NULL AND ${failing} AND f.key IS NOT NULL))`;
}
