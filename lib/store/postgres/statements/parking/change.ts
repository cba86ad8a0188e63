import type { Place } from '../../../parking-store.js';
import type { Tables } from '../../tables.js';
import type { Statement } from '../statement.js';
import { ownedAndWritten, owner } from './owner.js';

const RETURNING = 'RETURNING 1';
const ROW = 'consumer = $1 AND key = $3 AND seq = $4::bigint AND EXISTS (SELECT 1 FROM owner)';

const changing = (tables: Tables, change: string) =>
  `WITH ${owner(tables)}, written AS (${change} ${RETURNING}) ${ownedAndWritten}`;

export function postpone(
  tables: Tables,
  consumer: string,
  ticket: string,
  { key, seq }: Place,
  { attempts, delay, error }: { attempts: number; delay: number; error: string },
): Statement {
  const due = `now() + $6::float8 * interval '1 millisecond'`;
  return {
    text: changing(
      tables,
      `UPDATE ${tables.parked} SET attempts = $5, state = 'waiting', due_at = ${due}, error = $7 WHERE ${ROW}`,
    ),
    values: [consumer, ticket, key, seq, attempts, delay, error],
  };
}

export function bury(
  tables: Tables,
  consumer: string,
  ticket: string,
  { key, seq }: Place,
  { attempts, error }: { attempts: number; error: string },
): Statement {
  return {
    text: changing(
      tables,
      `UPDATE ${tables.parked} SET attempts = $5, state = 'dead', due_at = NULL, error = $6 WHERE ${ROW}`,
    ),
    values: [consumer, ticket, key, seq, attempts, error],
  };
}

export function remove(tables: Tables, consumer: string, ticket: string, { key, seq }: Place): Statement {
  return {
    text: changing(tables, `DELETE FROM ${tables.parked} WHERE ${ROW}`),
    values: [consumer, ticket, key, seq],
  };
}
