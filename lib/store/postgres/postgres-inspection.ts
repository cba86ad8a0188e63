import type { DataSource } from 'typeorm';
import type {
  HeadEvent,
  Horizon,
  HorizonHolder,
  RecentType,
  SchemaState,
  SeenRelay,
  StoreInspection,
  TableState,
} from '../inspection.js';
import { migrations, versionOf } from './migrations/migrations.js';
import { schemaVersion } from './schema-version.js';
import { BY_INDEX } from './statements/planner.js';
import { inspectHead } from './statements/inspect/head.js';
import { inspectHorizon, seesAllSessions } from './statements/inspect/horizon.js';
import { inspectRecentTypes } from './statements/inspect/recent-types.js';
import { inspectRelays } from './statements/inspect/relays.js';
import { inspectTables } from './statements/inspect/tables.js';
import type { Statement } from './statements/statement.js';
import type { Tables } from './tables.js';

/** On the application's own connections, each question in a transaction of its own that ends by a deadline. */
export class PostgresInspection implements StoreInspection {
  constructor(
    private readonly dataSource: DataSource,
    private readonly tableNames: Tables,
    /** Milliseconds that a statement may take. */
    private readonly patience = 5_000,
  ) {}

  get table(): string {
    return this.tableNames.outbox;
  }

  async now(): Promise<number> {
    const [row] = await this.dataSource.query<[{ now: number }]>(
      'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now',
    );
    return row.now;
  }

  async readOnly(): Promise<'standby' | 'setting' | null> {
    const [row] = await this.dataSource.query<[{ standby: boolean; setting: boolean }]>(
      `SELECT pg_is_in_recovery() AS standby, current_setting('default_transaction_read_only')::boolean AS setting`,
    );
    if (row.standby) return 'standby';
    return row.setting ? 'setting' : null;
  }

  async schema(): Promise<SchemaState> {
    const found = await schemaVersion(this.dataSource.manager, this.tableNames);
    return { found, needed: versionOf(migrations) };
  }

  relays(): Promise<SeenRelay[]> {
    return this.ask<SeenRelay>(inspectRelays(this.tableNames));
  }

  async head(): Promise<HeadEvent | undefined> {
    const [head] = await this.ask<HeadEvent>(inspectHead(this.tableNames));
    if (!head?.heldBy) return head;
    const { dueAt } = head.heldBy;
    return { ...head, heldBy: { ...head.heldBy, dueAt: dueAt === null ? null : new Date(dueAt) } };
  }

  async horizon(): Promise<Horizon> {
    const [sight] = await this.ask<{ seesAll: boolean }>(seesAllSessions());
    return {
      holders: await this.ask<HorizonHolder>(inspectHorizon()),
      seesAll: sight?.seesAll ?? false,
    };
  }

  tables(): Promise<TableState[]> {
    return this.ask<TableState>(inspectTables(this.tableNames));
  }

  recentTypes(limit: number): Promise<RecentType[]> {
    return this.ask<RecentType>(inspectRecentTypes(this.tableNames, limit));
  }

  private ask<Row>({ text, values }: Statement): Promise<Row[]> {
    return this.dataSource.transaction(async (manager) => {
      await manager.query('SET TRANSACTION READ ONLY');
      await manager.query(`SET LOCAL statement_timeout = ${this.patience}`);
      await manager.query(BY_INDEX);
      return manager.query<Row[]>(text, [...values]);
    });
  }
}
