import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';

/** Milliseconds until the next scheduled event or retry is due, by the database's clock. One look into a small index. */
export function nextDue({ outbox }: Tables): Statement {
  return {
    text: `SELECT (extract(epoch FROM min(available_at) - clock_timestamp()) * 1000)::float8 AS due
FROM ${outbox} WHERE state = 'pending' AND available_at IS NOT NULL`,
    values: [],
  };
}
