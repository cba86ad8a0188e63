import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';

/**
 * Forgets the oldest rows, by the index on their age: rows are written in (nearly) the order of their times, so that the
 * index grows at its end only, and a walk along the key of a table of millions, most of them young, would cost far more.
 * SKIP LOCKED keeps two processes from waiting for each other.
 */
export function pruneInbox({ inbox }: Tables, retention: number, limit: number): Statement {
  return {
    text: `DELETE FROM ${inbox} WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM ${inbox} WHERE handled_at < now() - $1::float8 * interval '1 millisecond'
  ORDER BY handled_at LIMIT $2 FOR UPDATE SKIP LOCKED
))`,
    values: [retention, limit],
  };
}
