import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';

/**
 * The lock that whoever handles an event holds until its transaction ends. The event's row would be a lock as well, but
 * one that others can only wait for: an INSERT of the same key stands still, with its connection, until the handler that
 * came first has ended. Hashes that collide make an event busy that is not, for a moment. The table is part of the hash,
 * by its oid: processes that name it with and without its schema must take the same locks.
 */
const lock = ({ inbox }: Tables, consumer: string, id: string) =>
  `pg_try_advisory_xact_lock(hashtextextended(${consumer} || chr(31) || ${id}, '${inbox.replaceAll("'", "''")}'::regclass::oid::bigint))`;

/**
 * One row is written if the event is new. The lock is taken after the statement's snapshot: the event may have been
 * handled in between, which the snapshot does not show, but `ON CONFLICT` does.
 */
export function enterOne(tables: Tables, consumer: string, id: string): Statement {
  return {
    text: `INSERT INTO ${tables.inbox} (consumer, event_id)
SELECT $1::text, $2::text WHERE ${lock(tables, '$1::text', '$2::text')}
ON CONFLICT DO NOTHING`,
    values: [consumer, id],
  };
}

/** For those that were not written, in a statement of its own, which sees what was committed until now. */
export function entered({ inbox }: Tables, consumer: string, ids: readonly string[]): Statement {
  return {
    text: `SELECT event_id AS id FROM ${inbox} WHERE consumer = $1 AND event_id = ANY($2::text[])`,
    values: [consumer, ids],
  };
}

/** Locked in one order, that of the ids: two batches that share events do not each get half of them. */
export function enterMany(tables: Tables, consumer: string, ids: readonly string[]): Statement {
  return {
    text: `INSERT INTO ${tables.inbox} (consumer, event_id)
SELECT $1::text, id FROM (SELECT DISTINCT id FROM unnest($2::text[]) AS ids (id) ORDER BY id) asked
WHERE ${lock(tables, '$1::text', 'id')}
ON CONFLICT DO NOTHING
RETURNING event_id AS id`,
    values: [consumer, ids],
  };
}
