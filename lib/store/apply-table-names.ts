import type { DataSource } from 'typeorm';
import { InboxEntity, OutboxEventEntity } from './entities.js';

export interface StorageNames {
  readonly schema?: string | undefined;
  readonly table: string;
  readonly inboxTable: string;
}

/** The names in full: without a schema of their own the tables live in that of the data source. */
export function storageNames(dataSource: DataSource, names: StorageNames): StorageNames {
  const { schema } = dataSource.options as { schema?: string };
  return { ...names, schema: names.schema ?? schema };
}

/** Points the entities at the configured tables, in the metadata of this one data source. */
export function applyTableNames(dataSource: DataSource, { schema, table, inboxTable }: StorageNames): void {
  for (const [entity, name] of [
    [OutboxEventEntity, table],
    [InboxEntity, inboxTable],
  ] as const) {
    if (!dataSource.hasMetadata(entity)) continue;
    const metadata = dataSource.getMetadata(entity);
    metadata.tableName = name;
    metadata.tableNameWithoutPrefix = name;
    if (schema) metadata.schema = schema;
    metadata.tablePath = [metadata.schema, name].filter(Boolean).join('.');
  }
}
