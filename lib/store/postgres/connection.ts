import type { QueryRunner } from 'typeorm';
import { CopyQuery } from './copy-query.js';
import { PreparedQuery } from './prepared-query.js';
import type { Prepared, Selection, Statement } from './statements/statement.js';

interface QueryConfig {
  readonly text: string;
  readonly values?: unknown[];
  readonly query_timeout: number;
}

interface QueryResult {
  readonly rows: unknown[];
}

/** The driver's client, as far as it is used. */
export interface PostgresClient {
  query(config: QueryConfig): Promise<QueryResult | QueryResult[]>;
  query(query: CopyQuery<unknown> | PreparedQuery<unknown>): void;
  once(event: 'error' | 'end', listener: (error?: Error) => void): void;
  off(event: 'error' | 'end', listener: (error?: Error) => void): void;
  on(event: 'notification', listener: (message: { channel: string; payload?: string }) => void): void;
}

/** One connection of the relay's pool, in the hands of one part of it. */
export class Connection {
  private readonly lost = new Set<(error: Error) => void>();
  private over = false;

  constructor(
    private readonly runner: QueryRunner,
    private readonly client: PostgresClient,
    /** Milliseconds to wait for the answer to a statement. */
    readonly patience: number,
  ) {
    client.once('error', this.end);
    client.once('end', this.end);
  }

  /** Called once if the connection ends before it is released. */
  onLost(listener: (error: Error) => void): void {
    this.lost.add(listener);
  }

  onNotification(listener: (channel: string, payload: string) => void): void {
    this.client.on('notification', ({ channel, payload = '' }) => listener(channel, payload));
  }

  async run<Row>({ text, values }: Statement): Promise<Row[]> {
    const result = await this.client.query({
      text,
      values: [...values],
      query_timeout: this.patience,
    });
    return (result as QueryResult).rows as Row[];
  }

  /**
   * Several statements in one message: one round trip and, unless they say otherwise, one transaction, in which `SET
   * LOCAL` counts. They cannot have parameters. Resolves to the rows of each.
   */
  async script(statements: readonly string[]): Promise<unknown[][]> {
    const results = await this.client.query({
      text: statements.join(';\n'),
      query_timeout: this.patience,
    });
    return [results].flat().map(({ rows }) => rows);
  }

  /** What is selected, after `settings`, whose rows nobody needs. All in one message, and one transaction. */
  select<T>(settings: readonly string[], { text, build }: Selection<T>): Promise<T[]> {
    const copy = `COPY (${text}) TO STDOUT (FORMAT binary)`;
    return this.submit(new CopyQuery([...settings, copy].join(';\n'), build, this.patience));
  }

  /**
   * The same for few rows of a statement that is planned once for each connection, after `settings`.
   * Rejects with the server's error where a pooler lends us connections that do not know it: see `isNotPrepared`.
   */
  selectPrepared<T>(settings: string, selection: Prepared<T>): Promise<T[]> {
    return this.submit(new PreparedQuery(settings, selection, this.patience));
  }

  /** Back to the pool, in a state that does not matter to whoever gets it next. */
  async release(): Promise<void> {
    this.over = true;
    // The client lives on in the pool, and will be lent again and again.
    for (const event of ['error', 'end'] as const) this.client.off(event, this.end);
    await this.runner.release();
  }

  /** Ends it: for a connection that is broken, or whose session holds what must be let go. */
  async destroy(): Promise<void> {
    this.over = true;
    // A query runner that is released with an error has its pool throw the connection away.
    await (
      this.runner as QueryRunner & { releasePostgresConnection(error?: Error): Promise<void> }
    ).releasePostgresConnection(new Error('The outbox is done with this connection.'));
  }

  private async submit<T>(query: CopyQuery<T> | PreparedQuery<T>): Promise<T[]> {
    await new Promise<void>((resolve, reject) => {
      query.callback = (error) => (error ? reject(error) : resolve());
      this.client.query(query);
    });
    return query.rows;
  }

  private readonly end = (
    error = new Error('The connection to the database has ended, or was lost.'),
  ): void => {
    if (this.over) return;
    this.over = true;
    for (const listener of this.lost) listener(error);
  };
}
