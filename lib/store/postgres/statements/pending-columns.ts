import type { LaneSet } from '../../../event/lane.js';
import type { PendingEvent } from '../../store.js';
import type { EventHeaders } from '../../../event/envelope.js';
import type { Build } from '../row.js';
import type { Tables } from '../tables.js';

/** What the relay needs of a row, in the order in which `pendingEvent` takes it. */
export const PENDING_COLUMNS = `e.seq, e.id::text, e.type, e.key, e.payload, e.content_type, e.headers, e.exchange,
  e.correlation_id, e.expiration, e.priority, e.lane, e.attempts, e.errors IS NOT NULL,
  date_part('epoch', e.created_at), e.require_route`;

/** Of columns that are all null, in an outer join, nothing but `seq` can be relied upon. */
export const pendingEvent: Build<PendingEvent> = (row) => ({
  seq: row.int8() as number,
  id: row.ascii() as string,
  type: row.word() as string,
  key: row.text(),
  body: row.bytea() as Buffer,
  contentType: row.word() as string,
  headers: headersOf(row.text()),
  exchange: row.word(),
  correlationId: row.text(),
  expiration: row.int8(),
  priority: row.int2(),
  slot: row.int2() as number,
  attempts: row.int4() as number,
  hasFailed: row.bool() as boolean,
  occurredAt: row.float8() as number,
  requireRoute: row.bool(),
});

const headersOf = (text: string | null): EventHeaders | null =>
  text === null ? null : (JSON.parse(text) as EventHeaders);

/** Rows that could leave at once. Spelled as the indexes spell it. */
export const READY = "state = 'pending' AND available_at IS NULL";

/** A row that has failed, and is not done with; with `parking` false a dead one is. */
export const failing = (parking: boolean) =>
  `f.errors IS NOT NULL AND f.state <> 'published'${parking ? '' : " AND f.state = 'pending'"}`;

/**
 * Whether no other event of the row's key has failed: a failing event holds back the rest of its key. One look into the
 * index of failed rows for each row, however many there are: `<>` keeps the planner from reading all of them into a hash
 * table for every statement.
 */
export const notHeldBack = ({ outbox }: Tables, parking: boolean) =>
  `(e.key IS NULL
    OR NOT EXISTS (SELECT 1 FROM ${outbox} f WHERE f.key = e.key AND f.seq <> e.seq AND ${failing(parking)})
    OR e.errors IS NOT NULL AND ${firstOfFailed({ outbox }, parking)})`;

/** Of several events of a key that have failed, the first goes first. */
export const firstOfFailed = ({ outbox }: Pick<Tables, 'outbox'>, parking: boolean) =>
  `NOT EXISTS (SELECT 1 FROM ${outbox} f WHERE f.key = e.key AND f.seq < e.seq AND ${failing(parking)})`;

/** `which` is SQL for the numbers of the lanes. */
export const inLanes = (set: LaneSet, which = `'${lanesOf(set)}'`) =>
  set.isComplete ? 'true' : `lane % ${set.of} = ANY (${which})`;

export const lanesOf = ({ lanes }: LaneSet) => `{${[...lanes].join()}}`;
