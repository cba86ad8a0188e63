import type { DataSource, QueryRunner } from 'typeorm';
import type { NewEvent } from '../../event/envelope.js';
import type {
  EventReader,
  Listening,
  OutboxStore,
  RelayAnnouncement,
  RelaySeat,
  Settlement,
  StoreStats,
} from '../store.js';
import { Notifications } from './notifications.js';
import { PostgresPruner, type PrunerSettings } from './postgres-pruner.js';
import { PostgresReader } from './postgres-reader.js';
import { PostgresSeat } from './postgres-seat.js';
import { PostgresSettler } from './postgres-settler.js';
import { readStats } from './read-stats.js';
import { affected, RelayConnections } from './relay-connections.js';
import { assertSchema, migrateSchema } from './schema.js';
import { append, type Ordering } from './statements/append.js';
import { cancel } from './statements/cancel.js';

export interface PostgresStoreSettings extends PrunerSettings {
  readonly migrate: boolean;
  readonly parking: boolean;
  readonly deletePublished: boolean;
  /** Milliseconds until a relay that no longer moves loses its lanes, and a statement without an answer its connection. */
  readonly idleTimeout: number;
  readonly ordering: Ordering;
}

/** The outbox on PostgreSQL 14 and later. */
export class PostgresStore implements OutboxStore {
  private readonly connections: RelayConnections;
  private readonly settler: PostgresSettler;
  private readonly notifications: Notifications;
  private readonly pruner: PostgresPruner;

  constructor(
    private readonly dataSource: DataSource,
    private readonly settings: PostgresStoreSettings,
  ) {
    this.connections = new RelayConnections(dataSource, settings.idleTimeout);
    this.settler = new PostgresSettler(this.connections, settings);
    this.notifications = new Notifications(this.connections, settings.tables);
    this.pruner = new PostgresPruner(this.connections, settings);
  }

  prepare(): Promise<void> {
    const prepareSchema = this.settings.migrate ? migrateSchema : assertSchema;
    return prepareSchema(this.dataSource, this.settings.tables);
  }

  async append(tx: QueryRunner, events: readonly NewEvent[]): Promise<number> {
    const { tables, ordering } = this.settings;
    let written = 0;
    for (const statement of append(tables, events, ordering)) written += await affected(tx, statement);
    return written;
  }

  async cancel(tx: QueryRunner, id: string): Promise<boolean> {
    return (await affected(tx, cancel(this.settings.tables, id))) > 0;
  }

  openSeat(announcement: RelayAnnouncement): RelaySeat {
    return new PostgresSeat(this.connections, announcement, this.settings);
  }

  settle(settlement: Settlement): Promise<readonly number[]> {
    return this.settler.settle(settlement);
  }

  notify(): Promise<void> {
    return this.notifications.notify();
  }

  listen(heard: () => void): Promise<Listening> {
    return this.notifications.listen(heard);
  }

  openReader(): EventReader {
    return new PostgresReader(this.connections, this.settings);
  }

  prune(retention: number, limit: number, stopping?: AbortSignal): AsyncIterable<number> {
    return this.pruner.prune(retention, limit, stopping);
  }

  /** On a connection that is given up when it does not answer: whoever asks next must not wait for it, too. */
  async stats(limit: number, lanes: number): Promise<StoreStats> {
    const connection = await this.connections.connect();
    try {
      const figures = await readStats((statements) => connection.script(statements), this.settings.tables, {
        limit,
        lanes,
      });
      await connection.release();
      return figures;
    } catch (error) {
      await connection.destroy();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.connections.close();
  }
}
