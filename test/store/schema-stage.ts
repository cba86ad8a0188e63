import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import { DataSource } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions.js';
import { PostgresStore } from '../../lib/store/postgres/postgres-store.js';
import { tables } from '../../lib/store/postgres/tables.js';
import { createPlayground, type Playground } from '../support/outbox-app.js';

export const TABLES = [
  'outbox',
  'outbox_inbox',
  'outbox_archive',
  'outbox_consumers',
  'outbox_relay',
  'outbox_parked',
  'outbox_parked_owner',
  'outbox_version',
];

/** An empty schema for each test, data sources on it, and what is in it. */
export function useSchema() {
  let playground: Playground;
  let dataSources: DataSource[] = [];

  beforeAll(async () => {
    playground = await createPlayground();
  });
  const disconnect = async () => {
    await Promise.all(dataSources.map((dataSource) => dataSource.destroy()));
    dataSources = [];
  };
  afterAll(async () => {
    await disconnect();
    await playground?.close();
  });
  beforeEach(async () => {
    await disconnect();
    await playground.sql(`DROP SCHEMA ${playground.name} CASCADE`);
    await playground.sql(`CREATE SCHEMA ${playground.name}`);
  });

  /** Unqualified names end up in the playground's schema. */
  async function connect(options: Partial<PostgresDataSourceOptions> = {}): Promise<DataSource> {
    const dataSource = new DataSource({
      type: 'postgres',
      url: playground.databaseUrl,
      extra: { options: `-c search_path=${playground.name}` },
      ...options,
    });
    dataSources.push(dataSource);
    return dataSource.initialize();
  }

  const storeOn = (dataSource: DataSource, migrate: boolean, names: Parameters<typeof tables>[0] = {}) =>
    new PostgresStore(dataSource, {
      tables: tables(names),
      migrate,
      parking: true,
      deletePublished: false,
      idleTimeout: 30_000,
      ordering: 'emit',
    });

  const relations = async (schema = playground.name) => {
    const found = await playground.sql<{ relname: string }>(
      'SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace ORDER BY relname',
      [schema],
    );
    return found.map(({ relname }) => relname);
  };

  /** Columns, defaults, constraints and indexes, as PostgreSQL itself describes them. */
  const description = async () => [
    await playground.sql(
      `SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity
     FROM information_schema.columns WHERE table_schema = $1 ORDER BY 1, ordinal_position`,
      [playground.name],
    ),
    await playground.sql('SELECT indexdef FROM pg_indexes WHERE schemaname = $1 ORDER BY 1', [
      playground.name,
    ]),
    await playground.sql(
      `SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE connamespace = $1::regnamespace ORDER BY 1`,
      [playground.name],
    ),
  ];

  return { playground: () => playground, connect, disconnect, storeOn, relations, description };
}
