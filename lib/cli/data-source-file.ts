import type { DataSource, DataSourceOptions } from 'typeorm';
import { defaultOf, loadFile } from './load-file.js';
import { UsageError } from './usage-error.js';

/**
 * The options of the data source that a file exports: an ES module or CommonJS, by default or by name, or a promise of
 * it, as TypeORM's own commands take it. A connection the file has opened is closed: we make our own.
 * @throws {UsageError} when the file cannot be loaded, or does not export exactly one data source
 */
export async function dataSourceOptions(file: string): Promise<DataSourceOptions> {
  const exported = await loadFile(file, 'The data source', '-d');
  const found = new Set<DataSource>();
  for (const value of [exported, ...Object.values(exported), ...membersOf(exported)]) {
    const settled: unknown = await value;
    if (isDataSource(settled)) found.add(settled);
  }
  const [dataSource] = found;
  if (!dataSource || found.size > 1) {
    throw new UsageError(
      `${file} must export one TypeORM DataSource, as \`export default new DataSource({ … })\` does; it exports ${found.size}.`,
    );
  }
  if (dataSource.isInitialized) await dataSource.destroy();
  return dataSource.options;
}

/** Of what CommonJS exports by default, unless that is the data source itself. */
function membersOf(exported: Record<string, unknown>): unknown[] {
  const inner = defaultOf(exported);
  return isDataSource(inner) ? [] : Object.values(inner);
}

/** By what it has, not by its class: the file may have come by a TypeORM of its own. */
const isDataSource = (value: unknown): value is DataSource =>
  typeof value === 'object' &&
  value !== null &&
  'options' in value &&
  'isInitialized' in value &&
  'manager' in value;
