import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';

/** Events of a batch that failed while the rest of it commits: they must be handled again. */
export function leave({ inbox }: Tables, consumer: string, ids: readonly string[]): Statement {
  return {
    text: `DELETE FROM ${inbox} WHERE consumer = $1 AND event_id = ANY($2::text[])`,
    values: [consumer, ids],
  };
}
