import { DataSource, type DataSourceOptions } from 'typeorm';
import { StartError } from '../config.js';
import { addressOf } from '../servers.js';

/** Any number; the processes of the shop only have to agree on it. */
const MIGRATION_LOCK = 20_260_101;

export async function openDatabase(options?: DataSourceOptions): Promise<DataSource> {
  if (!options) throw new Error('TypeOrmModule calls its dataSourceFactory with options');
  const dataSource = new DataSource(options);
  await connect(dataSource);
  try {
    await migrate(dataSource);
    return dataSource;
  } catch (error) {
    await dataSource.destroy();
    throw error;
  }
}

async function connect(dataSource: DataSource): Promise<void> {
  try {
    await dataSource.initialize();
  } catch (cause) {
    const { url } = dataSource.options as { url: string };
    throw new StartError(`Cannot open the database at ${addressOf(url)} (DATABASE_URL): ${messageOf(cause)}`);
  }
}

/**
 * What `migrationsRun: true` does, made safe for processes that start at the same moment on an empty database:
 * the first one migrates, the others wait for it and then find nothing left to do.
 */
async function migrate(dataSource: DataSource): Promise<void> {
  const guard = dataSource.createQueryRunner();
  try {
    await guard.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await dataSource.runMigrations();
    await guard.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
  } finally {
    await guard.release();
  }
}

/** "localhost" has two addresses; when both refuse, the reasons are in a list and the message is empty. */
function messageOf(error: unknown): string {
  const reasons = error instanceof AggregateError ? error.errors : [error];
  return reasons.map((reason) => (reason as Error).message).join(', ');
}
