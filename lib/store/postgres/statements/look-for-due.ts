import type { LaneSet } from '../../../event/lane.js';
import type { Build } from '../row.js';
import type { Tables } from '../tables.js';
import type { Selection } from './statement.js';
import { firstOfFailed, inLanes } from './pending-columns.js';

/** Whether anything is due, and how many ms it is until something will be. */
export interface DueLook {
  readonly isDue: boolean;
  readonly next: number | null;
}

/**
 * Whether there is a scheduled event or a retry whose time has come by the database's clock, and how long it is to the
 * next: two looks into a small index.
 *
 * The next is one that was not due when the statement began: what is due and stays where it is waits behind a failed event
 * of its key, and asking for it again and again would not change that.
 */
export const lookForDue = (tables: Tables, parking: boolean, lanes: LaneSet): Selection<DueLook> => ({
  text: `SELECT ${dueColumns(tables, parking, inLanes(lanes))}`,
  build: dueLook,
});

/** The same as columns of any other statement, for rows `mine` holds of. */
export const dueColumns = (tables: Tables, parking: boolean, mine: string): string =>
  `EXISTS (SELECT 1 FROM ${tables.outbox} e WHERE ${isDue(tables, parking, mine)}),
  (SELECT extract(epoch FROM min(available_at) - clock_timestamp()) * 1000 FROM ${tables.outbox}
    WHERE state = 'pending' AND available_at > now() AND ${mine})::float8`;

export const dueLook: Build<DueLook> = (row) => ({ isDue: row.bool() as boolean, next: row.float8() });

/** An event behind an earlier failed one of its key is left: the earlier one is due first, or is dead and parks the key. */
export const isDue = (tables: Tables, parking: boolean, mine: string): string =>
  `state = 'pending' AND available_at <= now() AND ${mine}
    AND (key IS NULL OR ${firstOfFailed(tables, parking)})`;
