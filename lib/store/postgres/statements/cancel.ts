import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';

/**
 * Takes back a scheduled event. SKIP LOCKED: one that a relay holds this moment is being published, and waiting for the
 * relay would only end in finding it gone.
 */
export function cancel({ outbox }: Tables, id: string): Statement {
  return {
    text: `DELETE FROM ${outbox} WHERE seq IN (
  SELECT seq FROM ${outbox}
  WHERE id = $1 AND state = 'pending' AND attempts = 0 AND available_at > clock_timestamp()
  FOR UPDATE SKIP LOCKED
)`,
    values: [id],
  };
}
