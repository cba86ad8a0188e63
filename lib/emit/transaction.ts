import { DataSource, EntityManager, type QueryRunner } from 'typeorm';
import { describeValue } from '../errors/describe-value.js';
import { TransactionRequiredError, type OutboxAction } from '../errors/transaction-required.error.js';
import { WrongDataSourceError } from '../errors/wrong-data-source.error.js';

/** What `emit()` accepts: the `EntityManager` of a running transaction, or a `QueryRunner` after `startTransaction()`. */
export type TransactionHandle = EntityManager | QueryRunner;

/** The data source whose transactions may emit, and the name it is known by. */
export interface EmitTarget {
  readonly dataSource: DataSource;
  readonly name: string;
}

/**
 * The query runner behind a transaction handle.
 * @throws {TransactionRequiredError} for a handle that is not in a transaction, such as `dataSource.manager`.
 * @throws {WrongDataSourceError} for a transaction of another data source than the outbox's.
 */
export function transactionOf(
  handle: TransactionHandle,
  target: EmitTarget,
  subject: unknown,
  action: OutboxAction = 'emit',
): QueryRunner {
  const runner = queryRunnerOf(handle);
  const missing = (got: string) => new TransactionRequiredError(label(handle, subject), got, action);
  if (!runner) throw missing(describe(handle));
  if (runner.isReleased) throw missing('the transaction is over');
  if (!runner.isTransactionActive) throw missing('the query runner has no running transaction');
  if (runner.dataSource !== target.dataSource)
    throw new WrongDataSourceError(label(handle, subject), target.name, action);
  return runner;
}

/** Nothing has been checked yet: in `emit(type, payload)`, with the transaction left out, the type is where it should be. */
const label = (handle: unknown, subject: unknown) =>
  [subject, handle].find((it) => typeof it === 'string') ?? 'event';

/** By shape, not by class: an application may hold a second copy of TypeORM. */
function queryRunnerOf(handle: unknown): QueryRunner | undefined {
  if (typeof handle !== 'object' || handle === null) return undefined;
  if ('startTransaction' in handle) return handle as QueryRunner;
  return 'queryRunner' in handle ? (handle.queryRunner as QueryRunner | undefined) : undefined;
}

function describe(handle: unknown): string {
  if (handle instanceof EntityManager)
    return 'this EntityManager is not in a transaction (dataSource.manager never is)';
  if (handle instanceof DataSource) return 'a DataSource is not a transaction';
  return `the first argument must be an EntityManager or a QueryRunner, got ${describeValue(handle)}`;
}
