import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';

/** Not while somebody consumes it, who would only put it on record again. */
export const consumersForget = ({ consumers }: Tables, queue: string, silence: number): Statement => ({
  text: `DELETE FROM ${consumers} WHERE queue = $1 AND NOT EXISTS (
  SELECT 1 FROM ${consumers} c
  WHERE c.queue = $1 AND c.stopped_at IS NULL AND c.seen_at > now() - $2::float8 * interval '1 millisecond')`,
  values: [queue, silence],
});
