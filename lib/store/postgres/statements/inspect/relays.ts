import type { Tables } from '../../tables.js';
import type { Statement } from '../statement.js';
import { seatLocks } from '../lanes.js';

/**
 * Who has told of itself lives by its last word; that its connection lives tells its lock. Both, because a process that is
 * frozen keeps the one for a while, and one that was killed leaves the other.
 */
export const inspectRelays = ({ outbox, relays }: Tables): Statement => ({
  text: `SELECT id, service, host, pid, lanes, report, seen_at AS "seenAt",
  (extract(epoch FROM clock_timestamp() - seen_at) * 1000)::float8 AS silence,
  id IN (${seatLocks('$1::regclass::oid')}) AS seated,
  ((report ->> 'clock')::float8 - extract(epoch FROM seen_at) * 1000)::float8 AS "clockAhead"
FROM ${relays}
ORDER BY seen_at DESC
LIMIT 100`,
  values: [outbox],
});
