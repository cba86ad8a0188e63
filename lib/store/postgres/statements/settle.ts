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

/** The next attempt is due by the database's clock, so that no relay's own can be wrong. */
export function reschedule({ outbox }: Tables, failures: readonly FailedAttempt[]): Statement {
  return {
    text: `UPDATE ${outbox} o
SET attempts = o.attempts + 1, last_error = f.error, available_at = clock_timestamp() + f.delay * interval '1 millisecond'
FROM unnest($1::bigint[], $2::text[], $3::float8[]) AS f (seq, error, delay)
WHERE o.seq = f.seq`,
    values: [seqsOf(failures), errorsOf(failures), failures.map(({ delay }) => delay)],
  };
}

export function markDead({ outbox }: Tables, failures: readonly FailedAttempt[]): Statement {
  return {
    text: `UPDATE ${outbox} o SET state = 'dead', attempts = o.attempts + 1, last_error = f.error
FROM unnest($1::bigint[], $2::text[]) AS f (seq, error)
WHERE o.seq = f.seq`,
    values: [seqsOf(failures), errorsOf(failures)],
  };
}

const seqsOf = (failures: readonly FailedAttempt[]) => failures.map(({ seq }) => seq);
const errorsOf = (failures: readonly FailedAttempt[]) => failures.map(({ error }) => error);
