import type { DataSource } from 'typeorm';
import { SchemaOutdatedError } from '../../errors/schema-outdated.error.js';
import { SCHEMA_VERSION, upStatements } from './migrations/migrations.js';
import { schemaVersion } from './schema-version.js';
import type { Tables } from './tables.js';

/** Any constant will do, so long as every process takes the same: "outbox" in ASCII, as a bigint. */
const MIGRATION_LOCK = '122550255190904';

/**
 * Creates or upgrades the tables. Processes that start together take turns on an advisory lock; whoever comes second
 * finds the work done. All steps commit together or not at all.
 */
export async function migrateSchema(dataSource: DataSource, tables: Tables): Promise<void> {
  if ((await schemaVersion(dataSource.manager, tables)) >= SCHEMA_VERSION) return;
  await dataSource.transaction(async (manager) => {
    await manager.query(`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`);
    const version = await schemaVersion(manager, tables);
    for (const statement of upStatements(tables, version)) await manager.query(statement);
  });
}

/** @throws {SchemaOutdatedError} when the tables are missing or older than this version needs. */
export async function assertSchema(dataSource: DataSource, tables: Tables): Promise<void> {
  const version = await schemaVersion(dataSource.manager, tables);
  if (version < SCHEMA_VERSION) throw new SchemaOutdatedError(tables.outbox, version, SCHEMA_VERSION);
}
