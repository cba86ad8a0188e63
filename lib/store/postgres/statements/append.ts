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
  ['require_route', 'boolean'],
] as const;

const NAMES = COLUMNS.map(([name]) => name).join(', ');
/** Types of the columns, then of the moment and the delay that `available_at` is made of. */
const ARRAYS = [...COLUMNS.map(([, type]) => type), 'timestamptz', 'float8'];

/**
 * What one statement carries at most. A Buffer becomes hex on its way to the server, all of them one string of at most
 * 512 MiB: 300,000 events of 1 KiB failed in one statement, 100,000 took 870 MB of this process.
 */
const MAX_EVENTS = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * Writes events in the caller's transaction: one statement for up to 10,000 events with up to 16 MiB of payloads and
 * headers, and one more for each further part of that size, made when it is sent.
 *
 * `ON CONFLICT (id) DO NOTHING`: emitting an id twice writes one row, and a duplicate must not abort the user's
 * transaction, as an error would. `seq` and `xid` come from their defaults: position in the outbox, and the
 * transaction the reader finds late rows by. A delay is added to the database's clock, never to ours.
 */
export function* append(
  tables: Tables,
  events: readonly NewEvent[],
  ordering: Ordering = 'emit',
): Generator<Statement, void> {
  // All of them by the first statement, in one order; the others find them held.
  let keys = ordering === 'commit' ? distinctKeys(events) : [];
  for (const part of parts(events)) {
    const [first] = part as [NewEvent];
    yield part.length === 1 && keys.length === 0 ? appendOne(tables, first) : appendMany(tables, part, keys);
    keys = [];
  }
}

const distinctKeys = (events: readonly NewEvent[]) => [
  ...new Set(events.flatMap(({ key }) => (key === null ? [] : [key]))),
];

function* parts(events: readonly NewEvent[]): Generator<readonly NewEvent[], void> {
  let start = 0;
  let bytes = 0;
  for (const [index, event] of events.entries()) {
    const size = event.body.length + (headersText(event)?.length ?? 0);
    if (index > start && (index - start === MAX_EVENTS || bytes + size > MAX_BYTES)) {
      yield events.slice(start, index);
      start = index;
      bytes = 0;
    }
    bytes += size;
  }
  if (start < events.length) yield events.slice(start);
}

/** What numbers the events of a key: the order their `emit()`s ran in, or the order their transactions commit in. */
export type Ordering = 'emit' | 'commit';

/**
 * Locks every key of the call until the transaction ends, so that no other can number an event of that key before
 * this one has committed. The aggregate must be complete before the join yields a row, hence before a number is drawn.
 * Keys are locked in the order of their hashes: two calls never deadlock; two transactions that emit for the same
 * keys one by one, in different order, can, and one of them is then rolled back by PostgreSQL (40P01). The table is told
 * by its oid: processes that name it with and without its schema must take the same locks.
 */
const keyLocks = (outbox: string) => `
CROSS JOIN (
  SELECT count(pg_advisory_xact_lock('${outbox.replaceAll("'", "''")}'::regclass::oid::int, k.hash)) AS locks
  FROM (SELECT DISTINCT hashtext(key) AS hash FROM unnest($${ARRAYS.length + 1}::text[]) AS keys (key) ORDER BY 1) k
) AS locked`;

/**
 * The plain form, which is what nearly every `emit()` needs: no arrays to build and take apart, and no column that is
 * left to its default, for the server parses and plans each statement anew (named ones would not survive a pooler).
 */
function appendOne({ outbox }: Tables, event: NewEvent): Statement {
  const all = columnValues(event);
  const given = COLUMNS.map(([name], index) => ({ name: name as string, value: all[index] })).filter(
    ({ value }) => value !== null,
  );
  const names = given.map(({ name }) => name);
  const values = given.map(({ value }) => value);
  const places = values.map((_, index) => `$${index + 1}`);
  if (event.availableAt !== null) {
    names.push('available_at');
    places.push(availableAt(`$${values.length + 1}`, `$${values.length + 2}`));
    values.push(...availability(event));
  }
  return {
    text: `INSERT INTO ${outbox} (${names.join(', ')})
VALUES (${places.join(', ')})${onConflict([event])}`,
    values,
  };
}

/** One array per column: the same statement, and one round trip, for two rows or ten thousand. */
function appendMany({ outbox }: Tables, events: readonly NewEvent[], lock: readonly string[]): Statement {
  const locked = lock.length > 0;
  const parameters = ARRAYS.map((type, index) => `$${index + 1}::${type}[]`).join(', ');
  const rows = events.map((event) => [...columnValues(event), ...availability(event)]);
  return {
    text: `INSERT INTO ${outbox} (${NAMES}, available_at)
SELECT ${NAMES}, ${availableAt('due_at', 'delay')}
FROM unnest(${parameters}) WITH ORDINALITY AS e (${NAMES}, due_at, delay, ordinal)${locked ? keyLocks(outbox) : ''}
ORDER BY ordinal${onConflict(events)}`,
    values: [...ARRAYS.map((_, column) => rows.map((row) => row[column])), ...(locked ? [lock] : [])],
  };
}

/** A new id is in no table; looking for it would cost a fifth of the statement. */
const onConflict = (events: readonly NewEvent[]) =>
  events.some(({ idGiven }) => idGiven) ? '\nON CONFLICT (id) DO NOTHING' : '';

const availableAt = (dueAt: string, delay: string) =>
  `coalesce(${dueAt}::timestamptz, now() + ${delay}::float8 * interval '1 millisecond')`;

const headersText = ({ headers }: NewEvent) => headers && JSON.stringify(headers);

function columnValues(event: NewEvent): unknown[] {
  return [
    event.id,
    event.type,
    event.key,
    laneSlot(event.key),
    event.body,
    event.contentType,
    headersText(event),
    event.exchange,
    event.correlationId,
    event.expiration,
    event.priority,
    event.requireRoute,
  ];
}

function availability({ availableAt: at }: NewEvent): [dueAt: string | null, delay: number | null] {
  return at instanceof Date ? [at.toISOString(), null] : [null, at];
}
