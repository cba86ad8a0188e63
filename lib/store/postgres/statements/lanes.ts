/**
 * Advisory locks of the kind with one 64-bit number: the table's oid above, below it a granule of the lanes, or the
 * number of a relay. (`emit.ordering: 'commit'` uses the kind with two numbers; the two never meet.)
 *
 * A lane is locked granule by granule, so that relays that were told different numbers of lanes never hold the same key:
 * lane 3 of 16 is granules 3, 19, 35, …, 243 of 256.
 */
const GRANULES = 256;
/** Granules end here, relays begin. */
export const FIRST_SEAT = 65_536;

/** Of a granule, when there are so many lanes. */
export const laneOf = (granule: number, lanes: number): number => granule % lanes;

const lock = (tableOid: string, number: string) =>
  `pg_try_advisory_xact_lock(${tableOid}::bigint << 32 | ${number})`;

/** All granules or none; those of a lane that is not wholly free are let go with its savepoint. */
export const lockLane = (tableOid: string, lane: number, lanes: number): string =>
  `SELECT bool_and(${lock(tableOid, 'granule')}) AS locked
FROM generate_series(${lane}, ${GRANULES - 1}, ${lanes}) AS granule`;

/** Says that this relay lives, for as long as its connection does. */
export const lockSeat = (tableOid: string, id: number): string =>
  `SELECT ${lock(tableOid, String(FIRST_SEAT + id))}`;

/** Ids of the relays that have a seat, for a statement that is about them. */
export const seatLocks = (tableOid: string): string =>
  `SELECT objid::bigint - ${FIRST_SEAT} FROM pg_locks
WHERE locktype = 'advisory' AND classid = ${tableOid} AND objsubid = 1 AND granted AND objid::bigint >= ${FIRST_SEAT}
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;

/** One connection that holds locks of this outbox. */
export interface CensusRow {
  /** Of the relay, if it is one. */
  readonly seat: number | null;
  readonly granules: number[];
}

/** Who holds what, by the locks themselves: the asking relay first. The lock table is in memory, no row is read. */
export const census = (tableOid: string): string => `${heldLocks(tableOid)}
ORDER BY pid <> pg_backend_pid(), pid`;

/** The locks of each connection that holds any: columns of `CensusRow`. */
export const heldLocks = (tableOid: string): string => `SELECT
  (min(objid::bigint) FILTER (WHERE objid::bigint >= ${FIRST_SEAT}))::int AS seat,
  coalesce(array_agg(objid::int) FILTER (WHERE objid::bigint < ${FIRST_SEAT}), '{}') AS granules
FROM pg_locks
WHERE locktype = 'advisory' AND classid = ${tableOid} AND objsubid = 1 AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
GROUP BY pid`;
