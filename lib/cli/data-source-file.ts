import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { DataSource, DataSourceOptions } from 'typeorm';
import { UsageError } from './usage-error.js';

/**
 * The options of the data source that a file exports: an ES module or CommonJS, by default or by name, or a promise of
 * it, as TypeORM's own commands take it. A connection the file has opened is closed: we make our own.
 * @throws {UsageError} when the file cannot be loaded, or does not export exactly one data source
 */
export async function dataSourceOptions(file: string): Promise<DataSourceOptions> {
  const exported = await load(path.resolve(file));
  const found = new Set<DataSource>();
  for (const value of [exported, ...Object.values(exported), ...Object.values(defaultOf(exported))]) {
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

async function load(file: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    throw new UsageError(`The data source cannot be loaded: ${message}${hint(file, code)}`, { cause: error });
  }
}

const hint = (file: string, code: string | undefined): string =>
  code === 'ERR_UNKNOWN_FILE_EXTENSION'
    ? `\nGive Node your TypeScript loader, for example NODE_OPTIONS='--import tsx' npx outbox … -d ${path.relative('', file)}, or name the compiled file.`
    : '';

/** A module of CommonJS is the default of what `import()` yields. */
function defaultOf(exported: Record<string, unknown>): Record<string, unknown> {
  const inner = exported['default'];
  return typeof inner === 'object' && inner !== null && !isDataSource(inner)
    ? (inner as Record<string, unknown>)
    : {};
}

/** By what it has, not by its class: the file may have come by a TypeORM of its own. */
const isDataSource = (value: unknown): value is DataSource =>
  typeof value === 'object' &&
  value !== null &&
  'options' in value &&
  'isInitialized' in value &&
  'manager' in value;
