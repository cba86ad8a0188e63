import type { LaneSet } from '../../../event/lane.js';
import type { Build } from '../row.js';
import type { Snapshot } from '../snapshot.js';
import type { PendingEvent } from '../../store.js';
import type { Tables } from '../tables.js';
import { dueColumns, dueLook, type DueLook } from './look-for-due.js';
import { inLanes, lanesOf, notHeldBack, PENDING_COLUMNS, pendingEvent, READY } from './pending-columns.js';
import type { Prepared, Selection } from './statement.js';

export interface FreshRow {
  /** The snapshot of the statement. */
  readonly epoch: string;
  /** How many rows the statement found, those that are held back included, and the last of them. */
  readonly found: number;
  readonly last: number | null;
  /** Nothing in it if there is none. */
  readonly event: PendingEvent;
}

export type LittleRow = FreshRow & DueLook;

/**
 * The rows that became visible since `previous`, oldest first, and the snapshot they were read in.
 *
 * A row is new exactly if its transaction had not begun (`xid >= xmax`) or was still running (`xid` among `xip`) then.
 * So a row that commits minutes after its neighbours is found at once, at the price of one index look-up per
 * transaction that was running, and no row is looked at twice. The alternatives lost: reading on from the highest
 * `seq` misses late rows for good; reading from the lowest pending one scans every dead row behind an old snapshot.
 *
 * The plan must be the same whatever size the planner takes the table for: it may have been made when that was empty. So
 * each look for rows is a subquery that is sorted as the index is which it is to go through, a range even where it is one
 * value; `ORDER BY seq + 0` keeps it from walking the index on seq instead. Only numbers are sorted, rows are fetched for
 * the page alone. `found` says whether the page may have cut the set short.
 *
 * Nothing is locked: only the holder of its lane reads a row, and a row that two have read is at worst published twice.
 * Locking a row is a write to it, and cost a tenth of the relay's rate.
 */
export function readFresh(
  tables: Tables,
  parking: boolean,
  lanes: LaneSet,
  previous: Snapshot,
  limit: number,
): Selection<FreshRow> {
  const text = fresh(tables, parking, {
    xmax: `'${previous.xmax}'`,
    running: `'${listOf(previous.running)}'::xid8[]`,
    limit: String(limit),
    mine: inLanes(lanes),
  });
  return { text, build: freshRow };
}

/** The same, and whether anything is due, for as long as there is little: planned once, where planning would be most of it. */
export function readLittle(
  tables: Tables,
  parking: boolean,
  lanes: LaneSet,
  previous: Snapshot,
  limit: number,
): Prepared<LittleRow> {
  const mine = inLanes(lanes, '$4::int[]');
  const operands = { xmax: '$1::xid8', running: '$2::xid8[]', limit: '$3::bigint', mine };
  return {
    text: fresh(tables, parking, operands, `${dueColumns(tables, parking, mine)}, `),
    values: [
      previous.xmax,
      listOf(previous.running),
      String(limit),
      ...(lanes.isComplete ? [] : [lanesOf(lanes)]),
    ],
    build: (row) => ({ ...dueLook(row), ...freshRow(row) }),
  };
}

/** In SQL. */
interface Operands {
  readonly xmax: string;
  readonly running: string;
  readonly limit: string;
  /** Whether a row is in our lanes. */
  readonly mine: string;
}

function fresh(
  tables: Tables,
  parking: boolean,
  { xmax, running, limit, mine }: Operands,
  columnsBefore = '',
): string {
  const ready = `SELECT seq FROM ${tables.outbox} o WHERE ${READY} AND ${mine}`;
  return `WITH fresh AS MATERIALIZED (
  SELECT seq FROM (
    (${ready} AND o.xid >= ${xmax} ORDER BY o.xid)
    UNION ALL
    SELECT late.seq FROM unnest(${running}) running CROSS JOIN LATERAL (
      ${ready} AND o.xid >= running AND o.xid <= running ORDER BY o.xid
    ) late
  ) s
  ORDER BY seq + 0
  LIMIT ${limit}
)
SELECT ${columnsBefore}pg_current_snapshot()::text, (SELECT count(*) FROM fresh)::int, (SELECT max(seq) FROM fresh), c.*
FROM (SELECT 1) one
LEFT JOIN LATERAL (
  SELECT ${PENDING_COLUMNS}
  FROM fresh CROSS JOIN LATERAL (
    SELECT * FROM ${tables.outbox} o WHERE o.seq >= fresh.seq AND o.seq <= fresh.seq AND ${READY} ORDER BY o.seq
  ) e
  WHERE ${notHeldBack(tables, parking)}
  ORDER BY e.seq
) c ON true`;
}

const listOf = (items: readonly string[]) => `{${items.join()}}`;

const freshRow: Build<FreshRow> = (row) => ({
  epoch: row.word() as string,
  found: row.int4() as number,
  last: row.int8(),
  event: pendingEvent(row),
});
