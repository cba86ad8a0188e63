import type { DataSource, QueryRunner } from 'typeorm';
import type { InboxStore, Standing, Verdict } from '../inbox-store.js';
import { affected } from './relay-connections.js';
import { enterMany, enterOne, entered } from './statements/enter-inbox.js';
import { leave } from './statements/leave-inbox.js';
import { pruneInbox } from './statements/prune-inbox.js';
import type { Statement } from './statements/statement.js';
import { sqlStateOf, TRANSACTION_ABORTED, verdictOf } from './sql-state.js';
import type { Tables } from './tables.js';

/** A client of pg, as far as it is known to be one. */
interface Client {
  /** The state of its transaction, as the server last told: `'E'` is failed. */
  getTransactionStatus?(): 'I' | 'T' | 'E' | null;
  /** The server has nothing more to say to what was sent. */
  readonly readyForQuery?: boolean;
}

/** The inbox on PostgreSQL 14 and later. Works on the application's data source: that is the point of it. */
export class PostgresInbox implements InboxStore {
  constructor(
    private readonly dataSource: DataSource,
    private readonly tables: Tables,
  ) {}

  async enter(tx: QueryRunner, consumer: string, ids: readonly string[]): Promise<Standing[]> {
    const [only] = ids;
    if (only === undefined) return [];
    if (ids.length > 1) return this.enterAll(tx, consumer, ids);
    if ((await affected(tx, enterOne(this.tables, consumer, only))) > 0) return ['new'];
    const known = await this.known(tx, consumer, ids);
    return [known.has(only) ? 'handled' : 'busy'];
  }

  async leave(tx: QueryRunner, consumer: string, ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await run(tx, leave(this.tables, consumer, ids));
  }

  /**
   * The driver knows from the end of the server's last answer, and that can be late: a statement has failed for whoever
   * sent it as soon as its error is there. A driver that has not heard the end yet, or does not tell, costs a round trip.
   */
  async isSpoilt(tx: QueryRunner): Promise<boolean> {
    const client = (await tx.connect()) as Client;
    const status = client.readyForQuery === true && client.getTransactionStatus?.();
    if (status) return status === 'E';
    try {
      await tx.query('SELECT 1');
      return false;
    } catch (error) {
      if (sqlStateOf(error) === TRANSACTION_ABORTED) return true;
      throw error;
    }
  }

  async isLost(tx: QueryRunner): Promise<boolean> {
    // TypeORM releases a query runner whose connection fails.
    if (tx.isReleased) return true;
    return tx.query('SELECT 1').then(
      () => false,
      (error: unknown) => sqlStateOf(error) !== TRANSACTION_ABORTED,
    );
  }

  verdict(error: unknown): Verdict {
    return verdictOf(error);
  }

  /** As an event would be entered, and then undone: also if the table is missing, or may not be written to. */
  async probe(): Promise<void> {
    const tx = this.dataSource.createQueryRunner();
    try {
      await tx.startTransaction();
      await this.enter(tx, '', ['probe']);
    } finally {
      if (tx.isTransactionActive) await tx.rollbackTransaction().catch(() => undefined);
      await tx.release();
    }
  }

  async *prune(retention: number, limit: number): AsyncGenerator<number, void> {
    for (let count = limit; count === limit;) {
      count = await this.pruneOnce(retention, limit);
      yield count;
    }
  }

  private async pruneOnce(retention: number, limit: number): Promise<number> {
    const runner = this.dataSource.createQueryRunner();
    try {
      return await affected(runner, pruneInbox(this.tables, retention, limit));
    } finally {
      await runner.release();
    }
  }

  /** An id that is asked for twice is new once. */
  private async enterAll(tx: QueryRunner, consumer: string, ids: readonly string[]): Promise<Standing[]> {
    const fresh = new Set((await run<IdRow>(tx, enterMany(this.tables, consumer, ids))).map(({ id }) => id));
    const left = ids.filter((id) => !fresh.has(id));
    const known = left.length > 0 ? await this.known(tx, consumer, left) : NONE;
    return ids.map((id) =>
      fresh.delete(id) ? 'new' : known.has(id) || !left.includes(id) ? 'handled' : 'busy',
    );
  }

  private async known(
    tx: QueryRunner,
    consumer: string,
    ids: readonly string[],
  ): Promise<ReadonlySet<string>> {
    return new Set((await run<IdRow>(tx, entered(this.tables, consumer, ids))).map(({ id }) => id));
  }
}

interface IdRow {
  readonly id: string;
}

const NONE: ReadonlySet<string> = new Set();

async function run<Row>(tx: QueryRunner, { text, values }: Statement): Promise<Row[]> {
  return (await tx.query(text, [...values])) as Row[];
}
