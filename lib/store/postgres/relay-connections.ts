import { DataSource, type DataSourceOptions, type QueryRunner } from 'typeorm';
import { Connection, type PostgresClient } from './connection.js';
import type { Statement } from './statements/statement.js';

/** Seat, reader, settler, and some to spare for pruning, figures and wake-ups. */
const POOL_SIZE = 8;

/**
 * The relay's own small pool, with the settings of the application's data source. On the application's pool it could
 * starve requests, and a burst of requests could starve the relay.
 */
export class RelayConnections {
  private readonly dataSource: DataSource;
  private opening: Promise<unknown> | undefined;
  private closed = false;

  constructor(
    application: DataSource,
    /** Milliseconds to wait for a connection, and for the answer to a statement before its connection is given up. */
    private readonly patience: number,
  ) {
    this.dataSource = new DataSource({
      ...application.options,
      ...SETTINGS,
      poolSize: POOL_SIZE,
      // A server that dies in the middle of a handshake says nothing, ever.
      connectTimeoutMS: patience,
    } as DataSourceOptions);
  }

  /** A connection for its caller alone, to be released. */
  async connect(): Promise<Connection> {
    await this.open();
    const runner = this.dataSource.createQueryRunner();
    try {
      return new Connection(runner, (await runner.connect()) as PostgresClient, this.patience);
    } catch (error) {
      await runner.release();
      throw error;
    }
  }

  /** On a connection of its own, which is given up if there is no answer in time. */
  async query<Row>(statement: Statement): Promise<Row[]> {
    const connection = await this.connect();
    try {
      const rows = await connection.run<Row>(statement);
      await connection.release();
      return rows;
    } catch (error) {
      await connection.destroy();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.opening?.catch(() => undefined);
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }

  /**
   * A connection that the server ends in the very answer that opens it has nobody yet who listens to it, and its error would
   * end the process. Whoever gets it learns of its end by the first thing that is asked of it.
   */
  private neverUnheard(): void {
    const { master } = this.dataSource.driver as unknown as { master: NodeJS.EventEmitter };
    master.on('connect', (client: NodeJS.EventEmitter) => client.on('error', () => undefined));
  }

  /** A failed attempt is forgotten, so that the next call tries again. */
  private async open(): Promise<void> {
    // A straggler must not bring to life again what a shutdown has ended: the process could not end.
    if (this.closed) throw new Error('The outbox has been closed.');
    if (this.dataSource.isInitialized) return;
    this.opening ??= this.dataSource.initialize().then(() => this.neverUnheard());
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
  // Where pg-native is installed TypeORM would take it, and that has no way to read a COPY.
  nativeDriver: false,
};

/** Runs a statement on a transaction's connection. Resolves to the number of rows it changed. */
export async function affected(runner: QueryRunner, { text, values }: Statement): Promise<number> {
  const result = await runner.query(text, [...values], true);
  return (result as { affected?: number }).affected ?? 0;
}
