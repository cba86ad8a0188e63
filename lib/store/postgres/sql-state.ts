import type { Verdict } from '../inbox-store.js';

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
export const TRANSACTION_ABORTED = '25P02';

/** serialization_failure, deadlock_detected. */
const TRANSIENT = new Set(['40001', '40P01']);

/** invalid_sql_statement_name, duplicate_prepared_statement; and a plan for columns that are of another type by now. */
const NOT_PREPARED = new Set(['26000', '42P05', '0A000']);

/**
 * Classes in which it is not the data that is at fault: connections, transactions' states (25006: a standby), logins,
 * databases and schemas that are not there, privileges and missing tables, resources, limits, the operator (a shutdown),
 * the system, its configuration, its bugs.
 */
const UNAVAILABLE = new Set([
  '08',
  '0A',
  '25',
  '28',
  '3D',
  '3F',
  '42',
  '53',
  '54',
  '55',
  '57',
  '58',
  'F0',
  'XX',
]);

/** Errors wrap errors: TypeORM's the driver's, an application's TypeORM's. */
const DEEPEST_CAUSE = 5;

/** The SQLSTATE of an error, or of what caused it. */
export function sqlStateOf(error: unknown, depth = 0): string | undefined {
  if (typeof error !== 'object' || error === null || depth > DEEPEST_CAUSE) return undefined;
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) return code;
  return sqlStateOf(cause, depth + 1);
}

/** Whether what was prepared is not there, or another's, or outdated: behind a pooler connections are not ours alone. */
export const isNotPrepared = (error: unknown): boolean => NOT_PREPARED.has(sqlStateOf(error) ?? '');

export function verdictOf(error: unknown): Verdict {
  const state = sqlStateOf(error);
  if (state === undefined) return 'unavailable';
  if (TRANSIENT.has(state)) return 'transient';
  return UNAVAILABLE.has(state.slice(0, 2)) ? 'unavailable' : 'refused';
}
