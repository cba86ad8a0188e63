import type { Tables } from '../tables.js';
import { expired, type PruneFrom } from './expired.js';
import type { Statement } from './statement.js';

/** In each row where the next step goes on; one row with nothing else in it when nothing has expired. */
export interface ExpiredRow {
  readonly next: string | null;
  readonly seq: string | null;
  readonly id: string;
  readonly type: string;
  readonly key: string | null;
  readonly payload: Buffer;
  readonly content_type: string;
  readonly headers: string | null;
  readonly exchange: string | null;
  readonly correlation_id: string | null;
  readonly created_at: Date;
  readonly published_at: Date;
  readonly returned: boolean;
}

/**
 * What has expired, in one step of a walk, locked until the transaction ends; not more than `bytes` of payloads, unless
 * the first is larger. The size of a payload is known without reading it from where large ones are stored.
 */
export function readExpired(
  tables: Tables,
  { after, retention, limit }: PruneFrom,
  bytes: number,
): Statement {
  return {
    text: `WITH ${expired(tables)}, chosen AS MATERIALIZED (
  SELECT seq FROM (
    SELECT seq, row_number() OVER (ORDER BY seq) AS place, sum(bytes) OVER (ORDER BY seq) AS total FROM expired
  ) e WHERE place = 1 OR total <= $4
), n AS (
  SELECT CASE WHEN (SELECT count(*) FROM chosen) < (SELECT count(*) FROM expired)
    THEN (SELECT max(seq) FROM chosen) ELSE step.next END AS next FROM step
)
SELECT n.next, c.* FROM n LEFT JOIN LATERAL (
  SELECT seq, id, type, key, payload, content_type, headers, exchange, correlation_id, created_at, published_at, returned
  FROM ${tables.outbox} WHERE seq = ANY (ARRAY(SELECT seq FROM chosen))
) c ON true ORDER BY c.seq`,
    values: [after, retention, limit, bytes],
  };
}
