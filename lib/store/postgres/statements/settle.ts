import type { AsRead, Failure } from '../../store.js';
import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';
import { UNHURRIED } from './unhurried.js';

/*
 * All of them leave alone what is not as it was when it was read: another relay may have taken over meanwhile, and an
 * operator may have put his hand to it. They can be repeated, when the answer to the first try was lost.
 *
 * Numbers are sorted, and so are statements in one message: two relays that settle the same rows wait for each other, but
 * never in a circle.
 */

export const deletePublished = ({ outbox }: Tables, rows: readonly AsRead[]): string[] =>
  eachAsRead(rows, (asRead) => `DELETE FROM ${outbox} WHERE ${asRead}`);

export const markPublished = ({ outbox }: Tables, rows: readonly AsRead[], returned: boolean): string[] =>
  eachAsRead(
    rows,
    (asRead) =>
      `UPDATE ${outbox} SET state = 'published', published_at = clock_timestamp()${returned ? ', returned = true' : ''}
WHERE ${asRead}`,
  );

/** One statement for each number of failed attempts: nearly always one, for those that have never failed. */
function eachAsRead(rows: readonly AsRead[], statement: (asRead: string) => string): string[] {
  const byAttempts = new Map<number, number[]>();
  for (const { seq, attempts } of rows) {
    const seqs = byAttempts.get(attempts);
    if (seqs) seqs.push(seq);
    else byAttempts.set(attempts, [seq]);
  }
  const sorted = [...byAttempts].sort(([one], [other]) => one - other);
  return sorted.map(([attempts, seqs]) =>
    statement(`seq = ANY (${list(seqs)}) AND attempts = ${attempts} AND state = 'pending' AND ${UNHURRIED}`),
  );
}

const list = (seqs: readonly number[]) => `'{${Float64Array.from(seqs).sort().join()}}'`;

/** How many failed attempts a row remembers. */
const HISTORY = 10;

/** One more failed attempt, at the end of the row's history. In lax mode a path beyond the ends yields what is there. */
const failed = `attempts = o.attempts + 1, last_error = f.error,
  errors = jsonb_path_query_array(coalesce(o.errors, '[]'), '$[last - ${HISTORY - 2} to last]')
    || jsonb_build_array(jsonb_build_object('attempt', o.attempts + 1, 'at', clock_timestamp(), 'error', f.error))`;

const asItWas = "o.seq = f.seq AND o.attempts = f.attempts AND o.state = 'pending'";

/** The next attempt is due by the database's clock, so that no relay's own can be wrong. */
export function reschedule({ outbox }: Tables, failures: readonly Failure[]): Statement {
  return {
    text: `UPDATE ${outbox} o SET ${failed}, available_at = clock_timestamp() + f.delay * interval '1 millisecond'
FROM unnest($1::bigint[], $2::int[], $3::text[], $4::float8[]) AS f (seq, attempts, error, delay)
WHERE ${asItWas} RETURNING o.seq`,
    values: [...columns(failures), failures.map(({ delay }) => delay)],
  };
}

export function markDead({ outbox }: Tables, failures: readonly Failure[]): Statement {
  return {
    text: `UPDATE ${outbox} o SET state = 'dead', ${failed}
FROM unnest($1::bigint[], $2::int[], $3::text[]) AS f (seq, attempts, error)
WHERE ${asItWas} RETURNING o.seq`,
    values: columns(failures),
  };
}

const columns = (failures: readonly Failure[]) => [
  failures.map(({ seq }) => seq),
  failures.map(({ attempts }) => attempts),
  failures.map(({ error }) => error),
];
