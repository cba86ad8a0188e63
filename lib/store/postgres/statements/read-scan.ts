import type { LaneSet } from '../../../event/lane.js';
import type { PendingEvent } from '../../store.js';
import type { Tables } from '../tables.js';
import { failing, inLanes, notHeldBack, PENDING_COLUMNS, pendingEvent, READY } from './pending-columns.js';
import type { Selection } from './statement.js';

/**
 * The next page of everything that was visible at `epoch`, in the order of emission, beginning behind `after`.
 *
 * Rows that commit while the pages are read stay out (`pg_visible_in_snapshot`) and are found by the next fresh read:
 * taking them as they appear could publish an event before an earlier one of its key whose page was read before it
 * committed. Rows restored from another cluster, with transaction numbers from a future this one has not reached, are
 * never visible in an epoch; they count as fresh.
 */
export interface Page {
  readonly epoch: string;
  readonly after: number;
  /** Of a scan: it then begins no later than at the first failed event, whose key's other events wait behind it. */
  readonly isFirst: boolean;
}

export function readScan(
  tables: Tables,
  parking: boolean,
  lanes: LaneSet,
  { epoch, after, isFirst }: Page,
  limit: number,
): Selection<PendingEvent> {
  const text = `SELECT ${PENDING_COLUMNS}
FROM ${tables.outbox} e
WHERE ${READY} AND seq > ${isFirst ? behindNoFailed(tables, parking, after) : after} AND ${inLanes(lanes)}
  AND pg_visible_in_snapshot(xid, '${epoch}')
  AND ${notHeldBack(tables, parking)}
ORDER BY seq
LIMIT ${limit}`;
  return { text, build: pendingEvent };
}

const behindNoFailed = ({ outbox }: Tables, parking: boolean, after: number) =>
  `least(${after}, (SELECT min(f.seq) - 1 FROM ${outbox} f WHERE ${failing(parking)}))`;
