import type { EntityManager, QueryRunner } from 'typeorm';
import type { Tables } from './tables.js';

/**
 * The version of the schema that is there; 0 for none.
 *
 * Reads pg_class, although `to_regclass()` alone would tell: on a connection that has looked before, that answers from a
 * cache which waiting for an advisory lock does not refresh. Opening a table does.
 */
export async function schemaVersion(
  database: EntityManager | QueryRunner,
  { versions }: Tables,
): Promise<number> {
  const [found] = (await database.query(
    'SELECT EXISTS (SELECT 1 FROM pg_class WHERE oid = to_regclass($1)) AS exists',
    [versions],
  )) as Array<{ exists: boolean }>;
  if (!found?.exists) return 0;
  const [row] = (await database.query(`SELECT max(version) AS version FROM ${versions}`)) as Array<{
    version: number | null;
  }>;
  return row?.version ?? 0;
}
