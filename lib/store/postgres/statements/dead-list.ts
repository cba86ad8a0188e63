import type { DeadEventFilter, DeadEventPage } from '../../dead-events.js';
import type { Tables } from '../tables.js';
import { deadRows } from './dead-filter.js';
import type { Statement } from './statement.js';

/** A page of dead rows by keyset: the tenth page costs what the first does. */
export function deadList({ outbox }: Tables, filter: DeadEventFilter, page: DeadEventPage): Statement {
  const { text, values } = deadRows(filter, page);
  return {
    text: `SELECT e.seq, e.id, e.type, e.key, e.payload, e.content_type, e.headers, e.exchange, e.correlation_id, e.attempts,
  e.errors, (extract(epoch FROM e.created_at) * 1000)::float8 AS occurred_at
FROM ${outbox} e
WHERE ${text}
ORDER BY e.seq
LIMIT $${values.length + 1}`,
    values: [...values, page.limit],
  };
}
