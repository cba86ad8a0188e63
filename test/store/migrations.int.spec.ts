import { describe, expect, test } from '@jest/globals';
import {
  createOutboxMigrations,
  outboxMigrations,
  outboxMigrationSql,
  SchemaOutdatedError,
} from 'nestjs-rabbitmq-outbox';
import { storageNames } from '../../lib/store/apply-table-names.js';
import { SqlLog } from '../support/sql-log.js';
import { TABLES, useSchema } from './schema-stage.js';

const { playground, connect, disconnect, storeOn, relations, description } = useSchema();

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
      const applied = await playground().sql(
        `SELECT version FROM ${playground().name}.outbox_${round}_version`,
      );
      expect(applied).toEqual([{ version: 1 }]);
      await disconnect();
    }
  });

  test('leaves nothing half done when it fails, and succeeds once the reason is gone', async () => {
    await playground().sql(`CREATE TABLE ${playground().name}.outbox_inbox (other int)`);
    const dataSource = await connect();
    await expect(storeOn(dataSource, true).prepare()).rejects.toThrow('already exists');
    expect((await relations()).filter((name) => !name.startsWith('outbox_inbox'))).toEqual([]);
    await playground().sql(`DROP TABLE ${playground().name}.outbox_inbox`);
    await storeOn(dataSource, true).prepare();
    expect(await relations()).toEqual(expect.arrayContaining(TABLES));
  });

  test('needs no more rights than to create tables in the schema it is given', async () => {
    const role = `${playground().name}_app`;
    const schema = playground().name;
    await playground().sql(`CREATE ROLE ${role} LOGIN PASSWORD 'app'`);
    try {
      await playground().sql(`GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${role}`);
      const dataSource = await connect({ username: role, password: 'app', url: asUser(role) });
      await storeOn(dataSource, true, { schema }).prepare();
      expect(await relations()).toEqual(expect.arrayContaining(TABLES));
    } finally {
      await disconnect();
      await playground().sql(`DROP OWNED BY ${role}`);
      await playground().sql(`DROP ROLE ${role}`);
    }
  });

  test('creates a schema that is not there, whatever its name', async () => {
    const schema = `${playground().name}"'new`;
    const quoted = `"${playground().name}""'new"`;
    try {
      await storeOn(await connect(), true, { schema }).prepare();
      expect(await relations(quoted)).toEqual(expect.arrayContaining(TABLES));
      await storeOn(await connect(), false, { schema }).prepare();
    } finally {
      await playground().sql(`DROP SCHEMA IF EXISTS ${quoted} CASCADE`);
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

describe('the table', () => {
  test.each(['not json', '[1]', '"text"', '{"unfinished":'])(
    'refuses headers that would stop the relay, whoever writes them: %s',
    async (headers) => {
      await storeOn(await connect(), true).prepare();
      const inserting = playground().sql(
        `INSERT INTO ${playground().name}.outbox (id, lane, type, payload, content_type, headers)
         VALUES (gen_random_uuid(), 0, 'raw.sql', '', 'application/json', $1)`,
        [headers],
      );
      await expect(inserting).rejects.toThrow(/invalid input syntax for type json|violates check constraint/);
    },
  );
});

describe('autovacuum', () => {
  test('goes by numbers of rows, however large a table has grown', async () => {
    await storeOn(await connect(), true).prepare();
    const settings = await playground().sql<{ table: string; option: string; value: number }>(
      `SELECT relname AS table, option_name AS option, option_value::float AS value
       FROM pg_class, pg_options_to_table(reloptions)
       WHERE relnamespace = $1::regnamespace AND option_name LIKE 'autovacuum%'`,
      [playground().name],
    );
    const of = (table: string) =>
      Object.fromEntries(
        settings
          .filter((setting) => setting.table === table)
          .map(({ option, value }) => [option.replace('autovacuum_', ''), value]),
      );
    expect(of('outbox')).toEqual({
      vacuum_scale_factor: 0,
      vacuum_threshold: 10_000,
      vacuum_insert_scale_factor: 0,
      vacuum_insert_threshold: 100_000,
      analyze_scale_factor: 0,
      analyze_threshold: 50_000,
    });
    expect(of('outbox_inbox')).toEqual({
      vacuum_scale_factor: 0,
      vacuum_threshold: 50_000,
      vacuum_insert_scale_factor: 0,
      vacuum_insert_threshold: 500_000,
    });
    expect(of('outbox_parked')).toEqual({ vacuum_scale_factor: 0, vacuum_threshold: 1_000 });
  });
});

describe('outboxMigrations', () => {
  test('go up, leave storage.migrate nothing to do, and go down again', async () => {
    const dataSource = await connect({ migrations: outboxMigrations, schema: playground().name });
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

  test('find nothing to do where storage.migrate has created the tables', async () => {
    const dataSource = await connect({ migrations: outboxMigrations, schema: playground().name });
    await storeOn(dataSource, true).prepare();
    expect(await dataSource.runMigrations()).toHaveLength(1);
    expect(await dataSource.query(`SELECT version FROM ${playground().name}.outbox_version`)).toEqual([
      { version: 1 },
    ]);
    await dataSource.undoLastMigration();
    expect((await relations()).filter((name) => name.startsWith('outbox'))).toEqual([]);
  });

  test('go into the schema of the data source, where storage.migrate would put the tables', async () => {
    const dataSource = await connect({ migrations: outboxMigrations, schema: playground().name, extra: {} });
    await dataSource.runMigrations();
    expect(await relations()).toEqual(expect.arrayContaining(TABLES));
    await storeOn(
      dataSource,
      false,
      storageNames(dataSource, { table: 'outbox', inboxTable: 'outbox_inbox' }),
    ).prepare();
    await dataSource.undoLastMigration();
    expect((await relations()).filter((name) => name.startsWith('outbox'))).toEqual([]);
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
        schema: playground().name,
      });
      await dataSource.runMigrations({ transaction });
      expect(await relations()).toEqual(expect.arrayContaining([...TABLES, 'orders']));
      await dataSource.dropDatabase();
    }
  });

  test('for other names make the same tables under those', async () => {
    const names = { schema: playground().name, table: 'outgoing', inboxTable: 'incoming' };
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
    await playground().sql(`DROP TABLE ${TABLES.map((table) => `${playground().name}.${table}`).join(', ')}`);
    await dataSource.query(outboxMigrationSql());
    expect(await description()).toEqual(migrated);
    await storeOn(dataSource, false).prepare();
  });

  test('of the version that is there is empty', () => {
    expect(outboxMigrationSql({}, 1)).toBe('');
  });
});

function asUser(user: string): string {
  const url = new URL(playground().databaseUrl);
  url.username = user;
  url.password = 'app';
  return url.href;
}
