import { DataSource, type DataSourceOptions, type QueryRunner } from 'typeorm';
import type { Statement } from './statements/statement.js';

/** Batches in flight, plus one connection to spare for pruning and figures. */
const POOL_SIZE = 8;

/**
 * The relay's own small pool, with the settings of the application's data source. Claims stay open while the broker
 * confirms; on the application's pool they could starve its requests, and a burst of requests could starve the relay.
 */
export class RelayConnections {
  private readonly dataSource: DataSource;
  private opening: Promise<unknown> | undefined;
  private closed = false;

  constructor(application: DataSource) {
    this.dataSource = new DataSource({
      ...application.options,
      ...SETTINGS,
      poolSize: POOL_SIZE,
    } as DataSourceOptions);
  }

  /** A query runner in a new transaction. `settings` apply to it alone. */
  async begin(settings: Readonly<Record<string, string>>): Promise<QueryRunner> {
    await this.open();
    const runner = this.dataSource.createQueryRunner();
    try {
      await runner.startTransaction('READ COMMITTED');
      const names = Object.keys(settings);
      const calls = names.map((_, index) => `set_config($${index * 2 + 1}, $${index * 2 + 2}, true)`);
      await runner.query(`SELECT ${calls.join(', ')}`, Object.entries(settings).flat());
      return runner;
    } catch (error) {
      await abandon(runner);
      throw error;
    }
  }

  async query<Row>({ text, values }: Statement): Promise<Row[]> {
    await this.open();
    return this.dataSource.query<Row[]>(text, [...values]);
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.opening?.catch(() => undefined);
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }

  /** A failed attempt is forgotten, so that the next call tries again. */
  private async open(): Promise<void> {
    // A straggler must not bring to life again what a shutdown has ended: the process could not end.
    if (this.closed) throw new Error('The outbox has been closed.');
    if (this.dataSource.isInitialized) return;
    this.opening ??= this.dataSource.initialize();
    try {
      await this.opening;
    } finally {
      this.opening = undefined;
    }
  }
}

/** Nothing of the application but where its database is and how to get in. */
const SETTINGS = {
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

/** Rolls back and gives the connection up. A connection too broken to roll back is rolled back by its end. */
export async function abandon(runner: QueryRunner): Promise<void> {
  try {
    if (runner.isTransactionActive) await runner.rollbackTransaction();
  } catch {
    // The connection is gone, and its locks with it.
  } finally {
    await runner.release();
  }
}

/** Runs a statement on a transaction's connection. */
export async function run<Row>(runner: QueryRunner, { text, values }: Statement): Promise<Row[]> {
  return (await runner.query(text, [...values])) as Row[];
}

/** Runs a statement on a transaction's connection. Resolves to the number of rows it changed. */
export async function affected(runner: QueryRunner, { text, values }: Statement): Promise<number> {
  const result = await runner.query(text, [...values], true);
  return (result as { affected?: number }).affected ?? 0;
}
