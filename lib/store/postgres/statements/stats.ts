import type { Tables } from '../tables.js';
import { FIRST_SEAT, heldLocks } from './lanes.js';
import { READY } from './pending-columns.js';

/** How long a relay that holds nothing is still shown after it was last seen, in seconds. */
const REMEMBERED = 60;

/** The statement's one row. */
export interface StatsRow {
  readonly pending: number;
  readonly due: number;
  readonly retrying: number;
  readonly dead: number;
  readonly lag: number;
  readonly readOnly: boolean;
  readonly owners: ReadonlyArray<{
    readonly service: string;
    readonly host: string;
    readonly pid: number;
    readonly granules: number[];
    readonly seen: number;
    readonly report: object;
  }>;
}

/**
 * How things stand, in one statement whatever the size of the table: each count walks a partial index that holds nothing
 * else, and ends at `limit` rows *looked at*, not at rows found. (A count of retried rows that ends at rows found would
 * read a million dead ones that lie between them.) The walks are in the order of their index, for what they begin with
 * is the oldest row, which is asked for, too: what relays have left dead in the index is passed once.
 *
 * To be run by index: a planner that expects pending rows everywhere would look for the first ones from the beginning of
 * millions of published ones.
 */
export function stats({ outbox, relays }: Tables, limit: number): string {
  const capped = (count: string) => `least(${count}, ${limit})::int`;
  return `SELECT ${capped('ready.count + delayed.count')} AS pending, ${capped('ready.count + delayed.due')} AS due,
  failed.retrying::int, dead.count::int AS dead,
  coalesce(extract(epoch FROM clock_timestamp() - least(
    (SELECT created_at FROM ${outbox} WHERE seq = ready.first),
    delayed.first
  )) * 1000, 0)::float8 AS lag,
  pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean AS "readOnly",
  (SELECT coalesce(json_agg(o), '[]') FROM (${owners(relays, outbox)}) o) AS owners
FROM (SELECT count(*), min(seq) AS first FROM (
    SELECT seq FROM ${outbox} WHERE ${READY} ORDER BY seq LIMIT ${limit}
  ) r) ready,
  (SELECT count(*), count(*) FILTER (WHERE due) AS due, min(available_at) FILTER (WHERE due) AS first FROM (
    SELECT available_at, available_at <= clock_timestamp() AS due FROM ${outbox}
    WHERE state = 'pending' AND available_at IS NOT NULL ORDER BY available_at LIMIT ${limit}
  ) d) delayed,
  (SELECT count(*) FILTER (WHERE state = 'pending') AS retrying FROM (
    SELECT state FROM ${outbox} WHERE errors IS NOT NULL AND state <> 'published' LIMIT ${limit}
  ) f) failed,
  (SELECT count(*) FROM (
    SELECT 1 FROM ${outbox} WHERE state = 'dead' ORDER BY seq LIMIT ${limit}
  ) x) dead`;
}

/** Who holds what is told by the locks, which end with their connections; the rest by the relays themselves. */
const owners = (relays: string, outbox: string) => `SELECT r.service, r.host, r.pid, r.report,
    coalesce(l.granules, '{}') AS granules, extract(epoch FROM clock_timestamp() - r.seen_at) * 1000 AS seen
  FROM ${relays} r LEFT JOIN (${heldLocks(oidOf(outbox))}) l ON l.seat = ${FIRST_SEAT} + r.id
  WHERE l.seat IS NOT NULL OR r.seen_at > now() - interval '${REMEMBERED} seconds'
  ORDER BY r.id`;

const oidOf = (table: string) => `'${table.replaceAll("'", "''")}'::regclass::oid`;
