import { InboxEntity, OutboxEventEntity } from 'nestjs-rabbitmq-outbox';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { applyTableNames } from '../../lib/store/apply-table-names.js';
import { PostgresInbox } from '../../lib/store/postgres/postgres-inbox.js';
import { PostgresParking } from '../../lib/store/postgres/postgres-parking.js';
import { PostgresStore } from '../../lib/store/postgres/postgres-store.js';
import { migrateSchema } from '../../lib/store/postgres/schema.js';
import { tables } from '../../lib/store/postgres/tables.js';
import { createPlayground, type Playground } from '../support/outbox-app.js';
import type { StoreFixture } from './contract/context.js';
import type { InboxFixture } from './inbox-contract.js';
import type { ParkingFixture } from './parking-contract.js';

/** A schema with the tables of its own, on the PostgreSQL of this run. */
export async function postgresFixture(): Promise<StoreFixture> {
  const playground = await createPlayground();
  const statements: string[] = [];
  const dataSource = await openDataSource(playground, statements);
  const names = { schema: playground.name, table: 'outbox', inboxTable: 'outbox_inbox' };
  applyTableNames(dataSource, names);
  const open: StoreFixture['open'] = ({
    parking = true,
    deletePublished = false,
    archive,
    idleTimeout = 30_000,
  } = {}) =>
    new PostgresStore(dataSource, {
      tables: tables(names),
      migrate: true,
      parking,
      deletePublished,
      archive,
      idleTimeout,
      ordering: 'emit',
    });
  await open().prepare();
  const outbox = `${playground.name}.outbox`;
  return {
    dataSource,
    statements,
    open,
    clear: async () => void (await playground.sql(`TRUNCATE ${outbox}, ${outbox}_archive, ${outbox}_relay`)),
    killConnections: async () => {
      await playground.sql(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1',
        [playground.name],
      );
    },
    age: async (ids, ms) => {
      const aged = ['created_at', 'available_at', 'published_at'].map(
        (column) => `${column} = ${column} - $2::float8 * interval '1 millisecond'`,
      );
      await playground.sql(`UPDATE ${outbox} SET ${aged.join(', ')} WHERE id = ANY ($1::uuid[])`, [ids, ms]);
    },
    archived: () => playground.sql(`SELECT * FROM ${outbox}_archive ORDER BY ctid`),
    close: async () => {
      await dataSource.destroy();
      await playground.close();
    },
  };
}

/** The same, with an inbox on it. */
export async function postgresInboxFixture(): Promise<InboxFixture> {
  const playground = await createPlayground();
  const statements: string[] = [];
  const dataSource = await openDataSource(playground, statements);
  const names = { schema: playground.name, table: 'outbox', inboxTable: 'outbox_inbox' };
  applyTableNames(dataSource, names);
  await migrateSchema(dataSource, tables(names));
  const inbox = `${playground.name}.outbox_inbox`;
  return {
    dataSource,
    statements,
    open: () => new PostgresInbox(dataSource, tables(names)),
    clear: async () => void (await playground.sql(`TRUNCATE ${inbox}`)),
    kill: async (runner) => {
      const [row] = (await runner.query('SELECT pg_backend_pid() AS pid')) as Array<{ pid: number }>;
      await playground.sql('SELECT pg_terminate_backend($1)', [row?.pid]);
    },
    age: async (ms) => {
      const aged = `handled_at = handled_at - $1::float8 * interval '1 millisecond'`;
      await playground.sql(`UPDATE ${inbox} SET ${aged}`, [ms]);
    },
    close: async () => {
      await dataSource.destroy();
      await playground.close();
    },
  };
}

/** The same, with a parking on it. */
export async function postgresParkingFixture(): Promise<ParkingFixture> {
  const playground = await createPlayground();
  const dataSource = await openDataSource(playground, []);
  const names = { schema: playground.name, table: 'outbox', inboxTable: 'outbox_inbox' };
  await migrateSchema(dataSource, tables(names));
  const parked = `${playground.name}.outbox_parked`;
  return {
    open: () => new PostgresParking(dataSource, tables(names)),
    clear: async () => void (await playground.sql(`TRUNCATE ${parked}`)),
    age: async (ms) => {
      const aged = `due_at = due_at - $1::float8 * interval '1 millisecond'`;
      await playground.sql(`UPDATE ${parked} SET ${aged}`, [ms]);
    },
    close: async () => {
      await dataSource.destroy();
      await playground.close();
    },
  };
}

function openDataSource(playground: Playground, statements: string[]): Promise<DataSource> {
  /** The driver's client is the one place that data source and stores both pass. */
  class RecordingClient extends pg.Client {
    override query = ((query: { text?: string } | string, ...rest: unknown[]) => {
      statements.push(typeof query === 'string' ? query : (query.text ?? ''));
      return (super.query as (...parameters: unknown[]) => unknown)(query, ...rest);
    }) as pg.Client['query'];
  }
  return new DataSource({
    type: 'postgres',
    url: playground.databaseUrl,
    applicationName: playground.name,
    schema: playground.name,
    entities: [OutboxEventEntity, InboxEntity],
    extra: { Client: RecordingClient, max: 10 },
  }).initialize();
}
