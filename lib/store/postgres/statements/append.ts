import { laneSlot } from '../../../event/lane.js';
import type { NewEvent } from '../../../event/envelope.js';
import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';

const COLUMNS = [
  ['id', 'uuid'],
  ['type', 'text'],
  ['key', 'text'],
  ['lane', 'smallint'],
  ['payload', 'bytea'],
  ['content_type', 'text'],
  ['headers', 'text'],
  ['exchange', 'text'],
  ['correlation_id', 'text'],
  ['expiration', 'bigint'],
  ['priority', 'smallint'],
] as const;

const NAMES = COLUMNS.map(([name]) => name).join(', ');

/**
 * Writes events in the caller's transaction.
 *
 * `ON CONFLICT (id) DO NOTHING`: emitting an id twice writes one row, and a duplicate must not abort the user's
 * transaction, as an error would. `seq` and `xid` come from their defaults: position in the outbox, and the
 * transaction the reader finds late rows by. A delay is added to the database's clock, never to ours.
 */
export function append(tables: Tables, events: readonly NewEvent[], ordering: Ordering = 'emit'): Statement {
  const locked = ordering === 'commit' && events.some(({ key }) => key !== null);
  const [first] = events as [NewEvent];
  return events.length === 1 && !locked ? appendOne(tables, first) : appendMany(tables, events, locked);
}

/** What numbers the events of a key: the order their `emit()`s ran in, or the order their transactions commit in. */
export type Ordering = 'emit' | 'commit';

/**
 * Locks every key of the statement until the transaction ends, so that no other can number an event of that key before
 * this one has committed. The aggregate must be complete before the join yields a row, hence before a number is drawn.
 * Keys are locked in the order of their hashes: two statements never deadlock; two transactions that emit for the same
 * keys one by one, in different order, can, and one of them is then rolled back by PostgreSQL (40P01).
 */
const keyLocks = (outbox: string) => `
CROSS JOIN (
  SELECT count(pg_advisory_xact_lock('${outbox.replaceAll("'", "''")}'::regclass::oid::int, k.hash)) AS locks
  FROM (SELECT DISTINCT hashtext(key) AS hash FROM unnest($3::text[]) AS keys (key) WHERE key IS NOT NULL ORDER BY 1) k
) AS locked`;

/** The plain form: no arrays to build and take apart, which is what nearly every `emit()` needs. */
function appendOne({ outbox }: Tables, event: NewEvent): Statement {
  const values = COLUMNS.map((_, index) => `$${index + 1}`).join(', ');
  return {
    text: `INSERT INTO ${outbox} (${NAMES}, available_at)
VALUES (${values}, ${availableAt(`$${COLUMNS.length + 1}`, `$${COLUMNS.length + 2}`)})
ON CONFLICT (id) DO NOTHING`,
    values: [...columnValues(event), ...availability(event)],
  };
}

/** One array per column: the same statement, and one round trip, for two rows or ten thousand. */
function appendMany({ outbox }: Tables, events: readonly NewEvent[], locked: boolean): Statement {
  const arrays = [...COLUMNS.map(([, type]) => type), 'timestamptz', 'float8'];
  const parameters = arrays.map((type, index) => `$${index + 1}::${type}[]`).join(', ');
  const rows = events.map((event) => [...columnValues(event), ...availability(event)]);
  return {
    text: `INSERT INTO ${outbox} (${NAMES}, available_at)
SELECT ${NAMES}, ${availableAt('due_at', 'delay')}
FROM unnest(${parameters}) WITH ORDINALITY AS e (${NAMES}, due_at, delay, ordinal)${locked ? keyLocks(outbox) : ''}
ORDER BY ordinal
ON CONFLICT (id) DO NOTHING`,
    values: arrays.map((_, column) => rows.map((row) => row[column])),
  };
}

const availableAt = (dueAt: string, delay: string) =>
  `coalesce(${dueAt}::timestamptz, now() + ${delay}::float8 * interval '1 millisecond')`;

function columnValues(event: NewEvent): unknown[] {
  return [
    event.id,
    event.type,
    event.key,
    laneSlot(event.key),
    event.body,
    event.contentType,
    event.headers && JSON.stringify(event.headers),
    event.exchange,
    event.correlationId,
    event.expiration,
    event.priority,
  ];
}

function availability({ availableAt: at }: NewEvent): [dueAt: string | null, delay: number | null] {
  return at instanceof Date ? [at.toISOString(), null] : [null, at];
}
