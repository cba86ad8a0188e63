import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';

/**
 * Milliseconds until the next scheduled event or retry is due, by the database's clock. One look into a small index.
 *
 * Only what was not due when the transaction began: a row that is due and yet was not claimed is in another claim, or
 * behind a failed event of its key, and asking for it again and again would not change that. What becomes due between
 * the look at due rows and this statement is still to come by this clock, and found at once.
 */
export function nextDue({ outbox }: Tables): Statement {
  return {
    text: `SELECT (extract(epoch FROM min(available_at) - clock_timestamp()) * 1000)::float8 AS due
FROM ${outbox} WHERE state = 'pending' AND available_at > now()`,
    values: [],
  };
}
