import type { RelayAnnouncement } from '../../store.js';
import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';

/*
 * What relays say of themselves, for people and dashboards. Nobody decides by it who lives and who holds what: that is
 * what the locks are for (lanes.ts).
 */

/** Also clears away relays that have not been seen for a day: they were killed. */
export function addRelay({ outbox, relays }: Tables, { service, host, pid }: RelayAnnouncement): Statement {
  return {
    text: `WITH gone AS (DELETE FROM ${relays} WHERE seen_at < now() - interval '1 day')
INSERT INTO ${relays} (service, host, pid) VALUES ($1, $2, $3)
RETURNING id, $4::regclass::oid::text AS oid`,
    values: [service, host, pid, outbox],
  };
}

/** Also puts back the row of a relay that was not seen for so long that others have cleared it away. */
export function seeRelay(
  { relays }: Tables,
  id: number,
  { service, host, pid }: RelayAnnouncement,
  { lanes, report }: { readonly lanes: number; readonly report: object },
): Statement {
  return {
    text: `INSERT INTO ${relays} AS r (id, service, host, pid, lanes, report) OVERRIDING SYSTEM VALUE
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (id) DO UPDATE SET seen_at = now(), lanes = excluded.lanes, report = excluded.report`,
    values: [id, service, host, pid, lanes, JSON.stringify(report)],
  };
}

export function removeRelay({ relays }: Tables, id: number): Statement {
  return { text: `DELETE FROM ${relays} WHERE id = $1`, values: [id] };
}
