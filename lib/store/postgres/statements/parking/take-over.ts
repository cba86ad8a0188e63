import type { Tables } from '../../tables.js';
import type { Statement } from '../statement.js';

/** Waits for what the one before is writing this moment, which is then seen. */
export function takeOver({ parkedOwner }: Tables, consumer: string): Statement {
  return {
    text: `INSERT INTO ${parkedOwner} AS o (consumer, epoch) VALUES ($1, 1)
ON CONFLICT (consumer) DO UPDATE SET epoch = o.epoch + 1 RETURNING epoch::text AS ticket`,
    values: [consumer],
  };
}

/** One look at the index for each key, however many events wait behind it: DISTINCT would read them all. */
export function parkedKeys({ parked }: Tables, consumer: string): Statement {
  const next = (than: string) => `SELECT key FROM ${parked} WHERE consumer = $1${than} ORDER BY key LIMIT 1`;
  return {
    text: `WITH RECURSIVE k AS (
  (${next('')})
  UNION ALL
  SELECT (${next(' AND key > k.key')}) FROM k WHERE k.key IS NOT NULL
)
SELECT key FROM k WHERE key IS NOT NULL`,
    values: [consumer],
  };
}
