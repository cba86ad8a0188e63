import type { FailedAttempt } from '../../store.js';
import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';

/** All statements here run in the claiming transaction, on rows it has locked: nobody else can have changed them. */

export function deletePublished({ outbox }: Tables, seqs: readonly string[]): Statement {
  return { text: `DELETE FROM ${outbox} WHERE seq = ANY ($1::bigint[])`, values: [seqs] };
}

export function markPublished({ outbox }: Tables, seqs: readonly string[], returned: boolean): Statement {
  return {
    text: `UPDATE ${outbox} SET state = 'published', published_at = clock_timestamp(), available_at = NULL${returned ? ', returned = true' : ''}
WHERE seq = ANY ($1::bigint[])`,
    values: [seqs],
  };
}

/** How many failed attempts a row remembers. */
const HISTORY = 10;

/** One more failed attempt, at the end of the row's history. In lax mode a path beyond the ends yields what is there. */
const failed = `attempts = o.attempts + 1, last_error = f.error,
  errors = jsonb_path_query_array(coalesce(o.errors, '[]'), '$[last - ${HISTORY - 2} to last]')
    || jsonb_build_array(jsonb_build_object('attempt', o.attempts + 1, 'at', clock_timestamp(), 'error', f.error))`;

/** The next attempt is due by the database's clock, so that no relay's own can be wrong. */
export function reschedule({ outbox }: Tables, failures: readonly FailedAttempt[]): Statement {
  return {
    text: `UPDATE ${outbox} o
SET ${failed}, available_at = clock_timestamp() + f.delay * interval '1 millisecond'
FROM unnest($1::bigint[], $2::text[], $3::float8[]) AS f (seq, error, delay)
WHERE o.seq = f.seq`,
    values: [seqsOf(failures), errorsOf(failures), failures.map(({ delay }) => delay)],
  };
}

export function markDead({ outbox }: Tables, failures: readonly FailedAttempt[]): Statement {
  return {
    text: `UPDATE ${outbox} o SET state = 'dead', ${failed}
FROM unnest($1::bigint[], $2::text[]) AS f (seq, error)
WHERE o.seq = f.seq`,
    values: [seqsOf(failures), errorsOf(failures)],
  };
}

const seqsOf = (failures: readonly FailedAttempt[]) => failures.map(({ seq }) => seq);
const errorsOf = (failures: readonly FailedAttempt[]) => failures.map(({ error }) => error);
