import { DataSource, type DataSourceOptions } from 'typeorm';
import { dataSourceOptions } from './data-source-file.js';
import { DatabaseError } from './database-error.js';
import type { Io } from './io.js';
import type { StorageFlags } from './storage-options.js';
import { UsageError } from './usage-error.js';

/** How long to wait for a server that does not answer, unless the data source says; in milliseconds. */
const CONNECT_TIMEOUT = 10_000;

/** Of the application's settings only where its database is and how to get in: a tool must not migrate or log its way. */
const OWN_SETTINGS = {
  name: undefined,
  entities: [],
  migrations: [],
  subscribers: [],
  synchronize: false,
  migrationsRun: false,
  dropSchema: false,
  cache: false,
  logging: false,
};

/**
 * A connected data source for one command. The caller ends it.
 * @throws {UsageError} when nothing says where the database is
 * @throws {DatabaseError} when it cannot be reached
 */
export async function openDataSource(flags: StorageFlags, io: Pick<Io, 'env'>): Promise<DataSource> {
  const dataSource = await dataSourceOf(flags, io);
  try {
    return await dataSource.initialize();
  } catch (error) {
    throw new DatabaseError(`The database cannot be reached: ${reasonOf(error)}`, { cause: error });
  }
}

/**
 * One that has not connected yet.
 * @throws {UsageError} when nothing says where the database is
 */
export async function dataSourceOf(flags: StorageFlags, { env }: Pick<Io, 'env'>): Promise<DataSource> {
  const options = await optionsFrom(flags, env);
  assertPostgres(options.type);
  return new DataSource({
    connectTimeoutMS: CONNECT_TIMEOUT,
    ...options,
    ...OWN_SETTINGS,
  } as DataSourceOptions);
}

async function optionsFrom(flags: StorageFlags, env: Io['env']): Promise<DataSourceOptions> {
  const { dataSource, databaseUrl } = flags;
  if (dataSource !== undefined && databaseUrl !== undefined) {
    throw new UsageError('Give --data-source or --database-url, not both.');
  }
  if (dataSource !== undefined) return dataSourceOptions(dataSource);
  const url = databaseUrl ?? (env['OUTBOX_DATABASE_URL'] || env['DATABASE_URL']);
  if (!url) {
    throw new UsageError(
      'Where is the database? Give -d, --data-source <file>, or --database-url <url>, or set OUTBOX_DATABASE_URL or DATABASE_URL.',
    );
  }
  if (!URL.canParse(url)) throw new UsageError('The database URL is not a URL.');
  return { type: typeOf(url), url, applicationName: 'outbox' } as DataSourceOptions;
}

const typeOf = (url: string): DataSourceOptions['type'] =>
  new URL(url).protocol.replace(/^postgresql:$|:$/, (end) => (end === ':' ? '' : 'postgres')) as 'postgres';

function assertPostgres(type: string): void {
  if (type !== 'postgres')
    throw new UsageError(`The outbox is kept in PostgreSQL; this is a database of type "${type}".`);
}

/** A host with several addresses that all refuse has an error with no message of its own. */
function reasonOf(error: unknown): string {
  const { message, errors } = error as Partial<AggregateError>;
  return message || errors?.map((one: Error) => one.message).join('; ') || String(error);
}
