import { MOST_PARTITIONS, partitionNames } from '../../../../policy/partitions.js';
import type { Tables } from '../../tables.js';
import type { Statement } from '../statement.js';

/** By the index of what is due, which only the first events of keys are in. */
export function overdue({ parked }: Tables, consumer: string, lateness: number, limit: number): Statement {
  return {
    text: `SELECT key FROM ${parked}
WHERE consumer = $1 AND due_at < now() - $2::float8 * interval '1 millisecond' ORDER BY due_at LIMIT $3`,
    values: [consumer, lateness, limit],
  };
}

export interface KeyRow {
  readonly consumer: string;
  readonly key: string;
  readonly waiting: number;
  readonly id: string;
  readonly attempts: number;
  readonly state: 'waiting' | 'dead';
  readonly error: string | null;
  readonly since: Date;
}

/** For people: reads what it tells of. */
export function waitingKeys(
  { parked }: Tables,
  consumers: readonly string[] | undefined,
  limit: number,
): Statement {
  return {
    text: `SELECT p.consumer, p.key, k.waiting::int, p.event_id AS id, p.attempts, p.state, p.error, p.parked_at AS since
FROM (
  SELECT consumer, key, min(seq) AS seq, count(*) AS waiting FROM ${parked}
  WHERE $1::text[] IS NULL OR consumer = ANY ($1) GROUP BY consumer, key
) k JOIN ${parked} p USING (consumer, key, seq)
ORDER BY p.parked_at, p.seq LIMIT $2`,
    values: [consumers ?? null, limit],
  };
}

/** The consumer and its partitions, by their names: a pattern would have the whole table read. */
const family = (consumer: string) => [consumer, ...partitionNames(consumer, MOST_PARTITIONS)];

export const dead = ({ parked }: Tables, consumer: string): Statement => ({
  text: `SELECT event_id AS id FROM ${parked} WHERE consumer = ANY ($1::text[]) AND state = 'dead' ORDER BY seq`,
  values: [family(consumer)],
});

/**
 * Removes dead events: of a key, or these. Each was the first of its key. The next one is due from now on, so that it is
 * found among the overdue ones if nobody reminds its consumer of it.
 */
export function skip(
  { parked }: Tables,
  consumer: string,
  { key, ids }: { readonly key?: string; readonly ids?: readonly string[] },
): Statement {
  return {
    text: `WITH skipped AS (
  DELETE FROM ${parked} WHERE consumer = ANY ($1::text[]) AND state = 'dead'
    AND ($2::text IS NULL OR key = $2) AND ($3::text[] IS NULL OR event_id = ANY ($3))
  RETURNING consumer, key, seq
), next AS (
  UPDATE ${parked} p SET due_at = now() FROM skipped s
  WHERE p.consumer = s.consumer AND p.key = s.key AND p.due_at IS NULL
    AND p.seq = (SELECT min(seq) FROM ${parked} b WHERE b.consumer = s.consumer AND b.key = s.key AND b.seq > s.seq)
)
SELECT consumer, key FROM skipped`,
    values: [family(consumer), key ?? null, ids ?? null],
  };
}
