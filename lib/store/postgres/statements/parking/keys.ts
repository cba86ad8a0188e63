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

export function skip({ parked }: Tables, consumer: string, key: string): Statement {
  return {
    text: `DELETE FROM ${parked} WHERE consumer = $1 AND key = $2 AND state = 'dead'
AND seq = (SELECT min(seq) FROM ${parked} WHERE consumer = $1 AND key = $2)`,
    values: [consumer, key],
  };
}
