import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  createOutboxMigrations,
  InboxEntity,
  OutboxEventEntity,
  outboxMigrations,
  outboxMigrationSql,
  SchemaOutdatedError,
} from 'nestjs-rabbitmq-outbox';
import { Column, DataSource, Entity, PrimaryColumn } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions.js';
import { applyTableNames } from '../../lib/store/apply-table-names.js';
import { PostgresStore } from '../../lib/store/postgres/postgres-store.js';
import { tables } from '../../lib/store/postgres/tables.js';
import { createPlayground, type Playground } from '../support/outbox-app.js';
import { SqlLog } from '../support/sql-log.js';

@Entity('orders')
class Order {
  @PrimaryColumn('int')
  id!: number;

  @Column('text')
  customer!: string;
}

let playground: Playground;
let dataSources: DataSource[] = [];

beforeAll(async () => {
  playground = await createPlayground();
});
afterAll(() => playground?.close());
beforeEach(async () => {
  await Promise.all(dataSources.map((dataSource) => dataSource.destroy()));
  dataSources = [];
  await playground.sql(`DROP SCHEMA ${playground.name} CASCADE`);
  await playground.sql(`CREATE SCHEMA ${playground.name}`);
});
afterAll(() => Promise.all(dataSources.map((dataSource) => dataSource.destroy())));

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
  await playground.sql('SELECT indexdef FROM pg_indexes WHERE schemaname = $1 ORDER BY 1', [playground.name]),
  await playground.sql(
    `SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE connamespace = $1::regnamespace ORDER BY 1`,
    [playground.name],
  ),
];

const TABLES = ['outbox', 'outbox_inbox', 'outbox_version'];

describe('storage.migrate', () => {
  test('creates the tables, and does nothing the next time', async () => {
    const log = new SqlLog();
    const dataSource = await connect({ logger: log });
    await storeOn(dataSource, true).prepare();
    expect(await relations()).toEqual(expect.arrayContaining(TABLES));
    const again = await log.during(() => storeOn(dataSource, true).prepare());
    expect(again.filter((statement) => !statement.startsWith('SELECT'))).toEqual([]);
  });

  test('runs once when many processes start together', async () => {
    for (let round = 0; round < 10; round++) {
      const names = { table: `outbox_${round}`, inboxTable: `inbox_${round}` };
      const started = await Promise.all(Array.from({ length: 5 }, () => connect()));
      await Promise.all(started.map((dataSource) => storeOn(dataSource, true, names).prepare()));
      const applied = await playground.sql(`SELECT version FROM ${playground.name}.outbox_${round}_version`);
      expect(applied).toEqual([{ version: 1 }]);
      await Promise.all(dataSources.splice(0).map((dataSource) => dataSource.destroy()));
    }
  });

  test('leaves nothing half done when it fails, and succeeds once the reason is gone', async () => {
    await playground.sql(`CREATE TABLE ${playground.name}.outbox_inbox (other int)`);
    const dataSource = await connect();
    await expect(storeOn(dataSource, true).prepare()).rejects.toThrow('already exists');
    expect((await relations()).filter((name) => !name.startsWith('outbox_inbox'))).toEqual([]);
    await playground.sql(`DROP TABLE ${playground.name}.outbox_inbox`);
    await storeOn(dataSource, true).prepare();
    expect(await relations()).toEqual(expect.arrayContaining(TABLES));
  });

  test('needs no more rights than to create tables in the schema it is given', async () => {
    const role = `${playground.name}_app`;
    const schema = playground.name;
    await playground.sql(`CREATE ROLE ${role} LOGIN PASSWORD 'app'`);
    try {
      await playground.sql(`GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${role}`);
      const dataSource = await connect({ username: role, password: 'app', url: asUser(role) });
      await storeOn(dataSource, true, { schema }).prepare();
      expect(await relations()).toEqual(expect.arrayContaining(TABLES));
    } finally {
      await Promise.all(dataSources.splice(0).map((dataSource) => dataSource.destroy()));
      await playground.sql(`DROP OWNED BY ${role}`);
      await playground.sql(`DROP ROLE ${role}`);
    }
  });

  test('creates a schema that is not there', async () => {
    const schema = `${playground.name}_new`;
    try {
      await storeOn(await connect(), true, { schema }).prepare();
      expect(await relations(schema)).toEqual(expect.arrayContaining(TABLES));
    } finally {
      await playground.sql(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
    }
  });

  test('switched off, fails the start over missing tables and says what to do', async () => {
    const starting = storeOn(await connect(), false).prepare();
    await expect(starting).rejects.toBeInstanceOf(SchemaOutdatedError);
    await expect(starting).rejects.toMatchObject({ code: 'OUTBOX_SCHEMA_OUTDATED' });
    await expect(starting).rejects.toThrow(
      'The schema of table "outbox" is at version 0, this version of nestjs-rabbitmq-outbox needs 1. ' +
        'Three ways to bring it up: add `outboxMigrations` to the `migrations` of your TypeORM data source and run ' +
        'them; or start one process with storage: { migrate: true }; or run the statements of ' +
        '`outboxMigrationSql()` yourself.',
    );
    expect(await relations()).toEqual([]);
  });
});

describe('outboxMigrations', () => {
  test('go up, leave storage.migrate nothing to do, and go down again', async () => {
    const dataSource = await connect({ migrations: outboxMigrations, schema: playground.name });
    const done = await dataSource.runMigrations();
    expect(done.map(({ name }) => name)).toEqual(['CreateOutbox1795219200000']);
    expect(await relations()).toEqual(expect.arrayContaining(TABLES));
    const asMigrated = await description();
    await storeOn(dataSource, false).prepare();
    await storeOn(dataSource, true).prepare();
    expect(await description()).toEqual(asMigrated);
    expect(await dataSource.runMigrations()).toEqual([]);

    await dataSource.undoLastMigration();
    expect((await relations()).filter((name) => name.startsWith('outbox'))).toEqual([]);
    await dataSource.runMigrations();
    expect(await description()).toEqual(asMigrated);
  });

  test('run beside the application’s own, in one transaction or in one each', async () => {
    class CreateOrders1700000000000 {
      async up(runner: { query(sql: string): Promise<unknown> }) {
        await runner.query('CREATE TABLE orders (id int)');
      }
      async down() {}
    }
    for (const transaction of ['all', 'each'] as const) {
      const dataSource = await connect({
        migrations: [CreateOrders1700000000000, ...outboxMigrations],
        schema: playground.name,
      });
      await dataSource.runMigrations({ transaction });
      expect(await relations()).toEqual(expect.arrayContaining([...TABLES, 'orders']));
      await dataSource.dropDatabase();
    }
  });

  test('for other names make the same tables under those', async () => {
    const names = { schema: playground.name, table: 'outgoing', inboxTable: 'incoming' };
    const dataSource = await connect({ migrations: createOutboxMigrations(names) });
    await dataSource.runMigrations();
    await storeOn(dataSource, false, names).prepare();
    expect(await relations()).toEqual(expect.arrayContaining(['outgoing', 'incoming', 'outgoing_version']));
    await dataSource.undoLastMigration();
    expect(await relations()).not.toContain('outgoing');
    await dataSource.query('DROP TABLE IF EXISTS migrations');
  });

  test('two outboxes live side by side in one schema', async () => {
    const dataSource = await connect();
    await storeOn(dataSource, true).prepare();
    await storeOn(dataSource, true, { table: 'second', inboxTable: 'second_inbox' }).prepare();
    expect(await relations()).toEqual(expect.arrayContaining([...TABLES, 'second', 'second_inbox']));
  });
});

describe('outboxMigrationSql', () => {
  test('is text that makes the same tables', async () => {
    const dataSource = await connect();
    await storeOn(dataSource, true).prepare();
    const migrated = await description();
    await playground.sql(`DROP TABLE ${TABLES.map((table) => `${playground.name}.${table}`).join(', ')}`);
    await dataSource.query(outboxMigrationSql());
    expect(await description()).toEqual(migrated);
    await storeOn(dataSource, false).prepare();
  });

  test('of the version that is there is empty', () => {
    expect(outboxMigrationSql({}, 1)).toBe('');
  });
});

describe('the application’s own schema builder', () => {
  test.each([
    { schema: undefined, table: 'outbox', inboxTable: 'outbox_inbox' },
    { schema: 'playground', table: 'outgoing', inboxTable: 'incoming' },
  ])('wants no change of our tables: %j', async ({ schema, ...names }) => {
    const storage = { ...names, schema: schema && playground.name };
    const dataSource = await connect({
      entities: [OutboxEventEntity, InboxEntity, Order],
      schema: playground.name,
    });
    applyTableNames(dataSource, storage);
    await storeOn(dataSource, true, storage).prepare();
    const before = await description();
    const { upQueries, downQueries } = await dataSource.driver.createSchemaBuilder().log();
    const wanted = [...upQueries, ...downQueries].map(({ query }) => query);
    expect(wanted.filter((query) => !query.includes('orders'))).toEqual([]);
    expect(wanted.some((query) => query.startsWith('CREATE TABLE'))).toBe(true);
    await dataSource.synchronize();
    await playground.sql(`DROP TABLE ${playground.name}.orders`);
    expect(await description()).toEqual(before);
  });
});

describe('the entities', () => {
  test.each([
    ['the names of the options', { table: 'outgoing', inboxTable: 'incoming', withSchema: true }],
    ['the default names', { table: 'outbox', inboxTable: 'outbox_inbox', withSchema: true }],
    ['the connection’s own schema', { table: 'outbox', inboxTable: 'outbox_inbox', withSchema: false }],
  ])('read and write under %s', async (_, { withSchema, ...names }) => {
    const storage = { ...names, schema: withSchema ? playground.name : undefined };
    const dataSource = await connect({ entities: [OutboxEventEntity, InboxEntity], entityPrefix: 'app_' });
    applyTableNames(dataSource, storage);
    await storeOn(dataSource, true, storage).prepare();
    await playground.sql(
      `INSERT INTO ${playground.name}.${names.table} (id, lane, type, key, payload, content_type, headers, expiration)
       VALUES (gen_random_uuid(), 7, 'order.placed', 'k', '{"a":1}', 'application/json', '{"tenant":"acme"}', 5)`,
    );
    await playground.sql(
      `INSERT INTO ${playground.name}.${names.inboxTable} VALUES ('orders.handler', 'event-1')`,
    );
    expect(await dataSource.getRepository(OutboxEventEntity).find()).toEqual([
      {
        seq: '1',
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        state: 'pending',
        type: 'order.placed',
        key: 'k',
        payload: Buffer.from('{"a":1}'),
        contentType: 'application/json',
        headers: { tenant: 'acme' },
        exchange: null,
        correlationId: null,
        expiration: '5',
        priority: null,
        createdAt: expect.any(Date),
        availableAt: null,
        attempts: 0,
        lastError: null,
        publishedAt: null,
        returned: false,
      },
    ]);
    expect(
      await dataSource.getRepository(InboxEntity).findOneByOrFail({ consumer: 'orders.handler' }),
    ).toEqual({
      consumer: 'orders.handler',
      eventId: 'event-1',
      handledAt: expect.any(Date),
    });
    const pending = dataSource.getRepository(OutboxEventEntity).createQueryBuilder('e');
    expect(await pending.where('e.state = :state', { state: 'pending' }).getCount()).toBe(1);
  });

  test('two data sources in one process keep their own names', async () => {
    const entities = [OutboxEventEntity, InboxEntity];
    const [one, other] = [await connect({ entities }), await connect({ entities })];
    applyTableNames(one, { table: 'one', inboxTable: 'one_inbox' });
    applyTableNames(other, { table: 'other', inboxTable: 'other_inbox' });
    expect(one.getMetadata(OutboxEventEntity).tablePath).toBe('one');
    expect(other.getMetadata(OutboxEventEntity).tablePath).toBe('other');
  });

  test('may be missing: the outbox itself does not need them', async () => {
    const dataSource = await connect({ entities: [Order] });
    expect(() => applyTableNames(dataSource, { table: 'a', inboxTable: 'b' })).not.toThrow();
  });
});

function asUser(user: string): string {
  const url = new URL(playground.databaseUrl);
  url.username = user;
  url.password = 'app';
  return url.href;
}
