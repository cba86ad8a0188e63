import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { outboxMigrationSql, SchemaOutdatedError } from 'nestjs-rabbitmq-outbox';
import { DataSource, type DataSourceOptions } from 'typeorm';
import type { Migration } from '../../lib/store/postgres/migrations/migration.js';
import {
  migrationClasses,
  migrations,
  upStatements,
  versionOf,
} from '../../lib/store/postgres/migrations/migrations.js';
import { assertSchema, migrateSchema } from '../../lib/store/postgres/schema.js';
import { tables } from '../../lib/store/postgres/tables.js';
import {
  createPlayground,
  eventually,
  startApp,
  type Playground,
  type TestApp,
} from '../support/outbox-app.js';

/** What a later version of the library might add. */
const addTenant: Migration = {
  version: versionOf(migrations) + 1,
  timestamp: 1_900_000_000_000,
  name: 'AddTenant',
  up: ({ outbox, outboxName }) => [
    `ALTER TABLE ${outbox} ADD COLUMN tenant text`,
    `CREATE INDEX "${outboxName}_tenant" ON ${outbox} (tenant) WHERE tenant IS NOT NULL`,
  ],
  down: ({ outbox }) => [`ALTER TABLE ${outbox} DROP COLUMN tenant`],
};
const later = [...migrations, addTenant];

let playground: Playground;
let dataSources: DataSource[] = [];

beforeEach(async () => {
  playground = await createPlayground();
});
afterEach(async () => {
  jest.restoreAllMocks();
  for (const dataSource of dataSources) await dataSource.destroy();
  dataSources = [];
  await playground?.close();
});

const names = () => tables({ schema: playground.name });

async function connect(options: Partial<DataSourceOptions> = {}): Promise<DataSource> {
  const dataSource = new DataSource({
    type: 'postgres',
    url: playground.databaseUrl,
    schema: playground.name,
    ...options,
  } as DataSourceOptions);
  dataSources.push(await dataSource.initialize());
  return dataSource;
}

const versions = async () =>
  (
    await playground.sql<{ version: number }>(
      `SELECT version FROM ${playground.name}.outbox_version ORDER BY 1`,
    )
  ).map(({ version }) => version);

const columns = async () =>
  (
    await playground.sql<{ name: string }>(
      `SELECT attname AS name FROM pg_attribute WHERE attrelid = '${playground.name}.outbox'::regclass AND NOT attisdropped`,
    )
  ).map(({ name }) => name);

/** Business as usual, as fast as it goes, until it is told to end. */
function businessOn({ dataSource, outbox }: TestApp) {
  const committed: string[] = [];
  const failures: unknown[] = [];
  let open = true;
  const worker = async (key: string) => {
    while (open) {
      const ids = await dataSource.transaction(async (manager) => [
        await outbox.emit(manager, 'order.placed', {}, { key }),
        ...(await outbox.emitMany(manager, [
          { type: 'order.paid', payload: {}, key },
          { type: 'order.due', payload: {}, delay: 5 },
        ])),
      ]);
      committed.push(...ids);
    }
  };
  const workers = ['a', 'b', 'c', 'd'].map((key) =>
    worker(key).catch((error: unknown) => void failures.push(error)),
  );
  return {
    committed,
    failures,
    /** Resolves when so many more have been committed. */
    goesOn: (count: number, from = committed.length) =>
      eventually(() => failures.length > 0 || committed.length >= from + count),
    end: async () => {
      open = false;
      await Promise.all(workers);
    },
  };
}

/** Everything the exchange has been given, as ids. */
async function collect(): Promise<Set<string>> {
  const channel = await playground.channel();
  const received = new Set<string>();
  await channel.assertExchange(playground.name, 'topic');
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.bindQueue(queue, playground.name, '#');
  await channel.consume(queue, (message) => message && received.add(message.properties.messageId as string), {
    noAck: true,
  });
  return received;
}

describe('an upgrade under load', () => {
  const upgrades: Array<[how: string, apply: () => Promise<unknown>]> = [
    ['a new process with storage.migrate', async () => migrateSchema(await connect(), names(), later)],
    [
      'five new processes at once',
      async () => {
        const processes = await Promise.all(Array.from({ length: 5 }, () => connect()));
        await Promise.all(processes.map((dataSource) => migrateSchema(dataSource, names(), later)));
      },
    ],
    [
      'TypeORM migrations',
      async () => {
        const [step] = migrationClasses({}, later).slice(-1);
        const dataSource = await connect({ migrations: [step!] });
        await dataSource.runMigrations();
      },
    ],
    ['SQL by hand', async () => playground.sql(upStatements(names(), 1, later).join(';\n'))],
  ];

  test.each(upgrades)('by %s fails nothing and loses nothing', async (_, upgrade) => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const received = await collect();
    const app = await startApp(playground);
    try {
      const business = businessOn(app);
      await business.goesOn(300);
      await upgrade();
      expect(await versions()).toEqual(later.map(({ version }) => version));
      await business.goesOn(300);
      await business.end();
      expect(business.failures).toEqual([]);
      await eventually(() => business.committed.every((id) => received.has(id)));
      expect(received.size).toBe(business.committed.length);
      await eventually(async () => (await app.relay.stats()).pending === 0);
      expect(await app.relay.stats()).toMatchObject({ retrying: 0, dead: 0, breaker: 'closed' });
      expect(warn.mock.calls).toEqual([]);
    } finally {
      await app.close();
    }
  });

  test('lets processes of the version before start afterwards', async () => {
    await migrateSchema(await connect(), names(), later);
    for (const migrate of [true, false]) {
      const app = await startApp(playground, { options: { storage: { migrate } } });
      try {
        const id = await app.emit('order.placed');
        await eventually(async () => {
          const [row] = await playground.sql(`SELECT state FROM ${playground.name}.outbox WHERE id = $1`, [
            id,
          ]);
          return row?.['state'] === 'published';
        });
      } finally {
        await app.close();
      }
    }
    expect(await versions()).toEqual([1, 2]);
  });
});

describe('a later version', () => {
  test('adds its own steps only, and nothing the next time', async () => {
    const dataSource = await connect();
    await migrateSchema(dataSource, names());
    expect([await versions(), await columns()]).toEqual([[1], expect.not.arrayContaining(['tenant'])]);
    await migrateSchema(dataSource, names(), later);
    await migrateSchema(dataSource, names(), later);
    expect([await versions(), await columns()]).toEqual([[1, 2], expect.arrayContaining(['tenant'])]);
  });

  test('leaves the version before in place when one of its steps fails', async () => {
    const dataSource = await connect();
    await migrateSchema(dataSource, names());
    const failing: Migration = {
      ...addTenant,
      version: addTenant.version + 1,
      up: ({ outbox }) => [`ALTER TABLE ${outbox} ADD COLUMN tenant text`],
    };
    await expect(migrateSchema(dataSource, names(), [...later, failing])).rejects.toThrow('already exists');
    expect([await versions(), await columns()]).toEqual([[1], expect.not.arrayContaining(['tenant'])]);
  });

  test('without storage.migrate refuses to start on the schema of the version before', async () => {
    const dataSource = await connect();
    await migrateSchema(dataSource, names(), later);
    await assertSchema(dataSource, names(), later);
    await playground.sql(`DELETE FROM ${playground.name}.outbox_version WHERE version = 2`);
    const starting = assertSchema(dataSource, names(), later);
    await expect(starting).rejects.toBeInstanceOf(SchemaOutdatedError);
    await expect(starting).rejects.toThrow(
      `The schema of table "${playground.name}"."outbox" is at version 1, this version of nestjs-rabbitmq-outbox needs 2.`,
    );
    await assertSchema(dataSource, names());
  });

  test('goes back by TypeORM’s migration:revert, one step at a time, under load', async () => {
    const dataSource = await connect({ migrations: migrationClasses({}, later) });
    await dataSource.runMigrations({ transaction: 'each' });
    const app = await startApp(playground, { options: { storage: { migrate: false } } });
    try {
      const business = businessOn(app);
      await business.goesOn(100);
      await dataSource.undoLastMigration();
      await business.goesOn(100);
      await business.end();
      expect(business.failures).toEqual([]);
    } finally {
      await app.close();
    }
    expect([await versions(), await columns()]).toEqual([[1], expect.not.arrayContaining(['tenant'])]);
    await dataSource.undoLastMigration();
    const left = await playground.sql(
      "SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace AND relname LIKE 'outbox%'",
      [playground.name],
    );
    expect(left).toEqual([]);
  });
});

describe('outboxMigrationSql', () => {
  test('of a version that is there has the later steps only', () => {
    const statements = upStatements(names(), 1, later);
    expect(statements).toEqual([
      ...addTenant.up(names()),
      `INSERT INTO "${playground.name}"."outbox_version" (version) VALUES (2)`,
    ]);
    expect(upStatements(names(), 0, later).slice(-statements.length)).toEqual(statements);
    expect(upStatements(names(), 2, later)).toEqual([]);
    expect(outboxMigrationSql({ schema: playground.name }, 0)).toBe(
      upStatements(names(), 0)
        .map((statement) => `${statement};\n`)
        .join('\n'),
    );
    expect(outboxMigrationSql({ schema: playground.name }, versionOf(migrations))).toBe('');
  });
});
