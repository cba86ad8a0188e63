import type { ConsumerAnnouncement, ConsumingProcess } from '../../consumer-registry.js';
import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';

/** One statement for all consumers of a process, whether they are known already or were deleted meanwhile. */
export function consumersAnnounce(
  { consumers }: Tables,
  { process, host }: ConsumingProcess,
  announced: readonly ConsumerAnnouncement[],
): Statement {
  return {
    text: `INSERT INTO ${consumers} AS c (queue, process, host, service, handlers, patterns, exchange, needs)
SELECT queue, $1, $2, service, handlers, patterns, exchange, needs
FROM jsonb_to_recordset($3::jsonb)
  AS a (queue text, service text, handlers text[], patterns text[], exchange text, needs jsonb)
ON CONFLICT (queue, process) DO UPDATE SET seen_at = now(), stopped_at = NULL, service = excluded.service,
  handlers = excluded.handlers, patterns = excluded.patterns, exchange = excluded.exchange,
  needs = excluded.needs`,
    values: [process, host, JSON.stringify(announced)],
  };
}
