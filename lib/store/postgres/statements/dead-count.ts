import type { DeadEventFilter } from '../../dead-events.js';
import type { Tables } from '../tables.js';
import { deadRows } from './dead-filter.js';
import type { Statement } from './statement.js';

/** Counts in the index of the dead rows. */
export function deadCount({ outbox }: Tables, filter: DeadEventFilter): Statement {
  const { text, values } = deadRows(filter);
  return { text: `SELECT count(*)::int AS count FROM ${outbox} e WHERE ${text}`, values };
}
