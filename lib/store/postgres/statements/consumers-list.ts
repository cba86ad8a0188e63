import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';

/** Who lives is told by one clock, the database's. */
export const consumersList = ({ consumers }: Tables, silence: number): Statement => ({
  text: `SELECT queue, process, host, service, handlers, patterns, exchange, needs,
  started_at AS "startedAt", seen_at AS "seenAt", stopped_at AS "stoppedAt", alive
FROM ${consumers},
  LATERAL (SELECT stopped_at IS NULL AND seen_at > now() - $1::float8 * interval '1 millisecond' AS alive) l
ORDER BY queue, alive DESC, seen_at DESC`,
  values: [silence],
});
