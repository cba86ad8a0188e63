import type { LaneSet } from '../../../event/lane.js';
import type { PendingEvent } from '../../store.js';
import type { EventHeaders } from '../../../event/envelope.js';
import type { Tables } from '../tables.js';

/** What the relay needs of a row. Times as numbers: parsing a timestamp into a Date costs more than the rest. */
export const PENDING_COLUMNS = `e.seq, e.id, e.type, e.key, e.payload, e.content_type, e.headers, e.exchange, e.correlation_id,
  e.expiration, e.priority, e.lane, e.attempts, e.errors IS NOT NULL, extract(epoch FROM e.created_at)::float8,
  e.require_route`;

/** Rows come as arrays, which costs a third of what objects do. */
export type PendingRow = [
  seq: string,
  id: string,
  type: string,
  key: string | null,
  payload: Buffer,
  contentType: string,
  headers: string | null,
  exchange: string | null,
  correlationId: string | null,
  expiration: string | null,
  priority: number | null,
  slot: number,
  attempts: number,
  hasFailed: boolean,
  occurredAt: number,
  requireRoute: boolean | null,
];

export function pendingEvent(row: PendingRow): PendingEvent {
  const [
    seq,
    id,
    type,
    key,
    body,
    contentType,
    headers,
    exchange,
    correlationId,
    expiration,
    priority,
    slot,
  ] = row;
  return {
    seq,
    id,
    type,
    key,
    body,
    contentType,
    headers: headers === null ? null : (JSON.parse(headers) as EventHeaders),
    exchange,
    correlationId,
    expiration: expiration === null ? null : Number(expiration),
    priority,
    slot,
    attempts: row[12],
    hasFailed: row[13],
    occurredAt: row[14],
    requireRoute: row[15],
  };
}

/** Rows that could leave at once. Spelled as the indexes spell it. */
export const READY = "state = 'pending' AND available_at IS NULL";

/** A row that has failed, and is not done with; with `parking` false a dead one is. */
export const failing = (parking: boolean) =>
  `f.errors IS NOT NULL AND f.state <> 'published'${parking ? '' : " AND f.state = 'pending'"}`;

/**
 * Whether no earlier event of the row's key has failed: a failing event holds back the rest of its key. The set of such
 * keys is small; it is read once per statement and hashed.
 */
export const notHeldBack = ({ outbox }: Tables, parking: boolean) =>
  `(e.key IS NULL OR e.key NOT IN (SELECT f.key FROM ${outbox} f WHERE ${failing(parking)} AND f.key IS NOT NULL)
    OR e.errors IS NOT NULL AND ${firstOfFailed({ outbox }, parking)})`;

/** Of several events of a key that have failed, the first goes first. */
export const firstOfFailed = ({ outbox }: Pick<Tables, 'outbox'>, parking: boolean) =>
  `NOT EXISTS (SELECT 1 FROM ${outbox} f WHERE f.key = e.key AND f.seq < e.seq AND ${failing(parking)})`;

export const inLanes = ({ of, lanes, isComplete }: LaneSet) =>
  isComplete ? 'true' : `lane % ${of} = ANY ('{${[...lanes].join()}}')`;
