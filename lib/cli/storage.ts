import type { DataSource } from 'typeorm';
import { QueryFailedError } from 'typeorm';
import { storageNames } from '../store/apply-table-names.js';
import { resolveOptions } from '../options/resolve-options.js';
import { tables, type Tables } from '../store/postgres/tables.js';
import { DatabaseError } from './database-error.js';
import type { Io } from './io.js';
import { openDataSource } from './open-data-source.js';
import type { StorageFlags } from './storage-options.js';

/** The database of one command. */
export interface Storage {
  readonly dataSource: DataSource;
  readonly tables: Tables;
}

/** Works on the database, and lets go of it whatever happens. */
export async function withDatabase<T>(
  flags: StorageFlags,
  io: Io,
  work: (storage: Storage) => Promise<T>,
): Promise<T> {
  const { schema, table, inboxTable } = flags;
  const { storage } = resolveOptions({ service: 'outbox', storage: { schema, table, inboxTable } }, io.env);
  const dataSource = await openDataSource(flags, io);
  try {
    return await work({ dataSource, tables: tables(storageNames(dataSource, storage)) });
  } catch (error) {
    if (error instanceof QueryFailedError) throw new DatabaseError(error.message, { cause: error });
    throw error;
  } finally {
    await dataSource.destroy();
  }
}
