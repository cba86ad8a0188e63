import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';

/**
 * What `prune` would delete. Reads the table up to the first rows that are younger; for people who ask once, not for a
 * schedule.
 */
export const pruneCount = ({ outbox }: Tables, retention: number): Statement => ({
  text: `SELECT count(*)::int AS count FROM ${outbox}
WHERE state = 'published' AND published_at < now() - $1::float8 * interval '1 millisecond'`,
  values: [retention],
});

export const pruneInboxCount = ({ inbox }: Tables, retention: number): Statement => ({
  text: `SELECT count(*)::int AS count FROM ${inbox}
WHERE handled_at < now() - $1::float8 * interval '1 millisecond'`,
  values: [retention],
});
