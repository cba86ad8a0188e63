import type { DataSource } from 'typeorm';
import { SchemaOutdatedError } from '../../errors/schema-outdated.error.js';
import { migrations, upStatements, versionOf } from './migrations/migrations.js';
import { schemaVersion } from './schema-version.js';
import type { Tables } from './tables.js';

/** Any constant will do, so long as every process takes the same: "outbox" in ASCII, as a bigint. */
const MIGRATION_LOCK = '122550255190904';

/**
 * Creates or upgrades the tables. Processes that start together take turns on an advisory lock; whoever comes second
 * finds the work done. All steps commit together or not at all.
 */
export async function migrateSchema(
  dataSource: DataSource,
  tables: Tables,
  steps = migrations,
): Promise<void> {
  if ((await schemaVersion(dataSource.manager, tables)) >= versionOf(steps)) return;
  await dataSource.transaction(async (manager) => {
    await manager.query(`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`);
    const version = await schemaVersion(manager, tables);
    for (const statement of upStatements(tables, version, steps)) await manager.query(statement);
  });
}

/** @throws {SchemaOutdatedError} when the tables are missing or older than this version needs. */
export async function assertSchema(
  dataSource: DataSource,
  tables: Tables,
  steps = migrations,
): Promise<void> {
  const [found, needed] = [await schemaVersion(dataSource.manager, tables), versionOf(steps)];
  if (found < needed) throw new SchemaOutdatedError(tables.outbox, found, needed);
}
