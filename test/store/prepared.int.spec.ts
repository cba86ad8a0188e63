import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { DataSource } from 'typeorm';
import { Connection } from '../../lib/store/postgres/connection.js';
import { PostgresReader } from '../../lib/store/postgres/postgres-reader.js';
import { RelayConnections } from '../../lib/store/postgres/relay-connections.js';
import { migrateSchema } from '../../lib/store/postgres/schema.js';
import { tables } from '../../lib/store/postgres/tables.js';
import { createPlayground, type Playground } from '../support/outbox-app.js';
import { EVERY_LANE } from './contract/context.js';

const BYTES = String.raw`\x00ff5c61`;

describe('statements that are prepared', () => {
  let playground: Playground;
  let dataSource: DataSource;
  let connections: RelayConnections;
  let reader: PostgresReader;

  beforeAll(async () => {
    playground = await createPlayground();
    dataSource = await new DataSource({
      type: 'postgres',
      url: playground.databaseUrl,
      // What an administrator may have set, for whatever else is in the database.
      extra: { options: '-c bytea_output=escape -c extra_float_digits=-10 -c DateStyle=SQL,DMY' },
    }).initialize();
    const names = { schema: playground.name, table: 'outbox', inboxTable: 'outbox_inbox' };
    await migrateSchema(dataSource, tables(names));
    connections = new RelayConnections(dataSource, 10_000);
  });
  afterAll(async () => {
    await connections?.close();
    await dataSource?.destroy();
    await playground?.close();
  });
  beforeEach(async () => {
    jest.restoreAllMocks();
    await playground.sql(`TRUNCATE ${playground.name}.outbox`);
    const names = { schema: playground.name, table: 'outbox', inboxTable: 'outbox_inbox' };
    reader = new PostgresReader(connections, { tables: tables(names), parking: true });
    // Where nothing has come, little is expected.
    for (let n = 0; n < 2; n++) await read();
  });

  const read = () => reader.read(100, () => EVERY_LANE);
  const insert = (type: string) =>
    playground.sql(
      `INSERT INTO ${playground.name}.outbox (id, lane, type, payload, content_type, created_at)
       VALUES (gen_random_uuid(), 0, $1, $2, 'application/octet-stream', '2026-11-30T12:34:56.789012Z')`,
      [type, BYTES],
    );

  test('are read the same, however the database writes bytes, numbers and dates', async () => {
    const prepared = jest.spyOn(Connection.prototype, 'selectPrepared');
    await insert('event');
    const [event] = await read();
    expect(event).toMatchObject({
      type: 'event',
      body: Buffer.from([0x00, 0xff, 0x5c, 0x61]),
      occurredAt: Date.parse('2026-11-30T12:34:56.789Z') / 1_000 + 0.000_012,
    });
    expect(prepared).toHaveBeenCalledTimes(1);
  });

  test('that the connection does not know any more, or belong to others, are read without being prepared', async () => {
    const prepared = jest.spyOn(Connection.prototype, 'selectPrepared');
    await insert('first');
    expect(await read()).toMatchObject([{ type: 'first' }]);
    const [connection] = prepared.mock.contexts as [Connection];
    // As if it were another connection, which a pooler lends for the next statement.
    await connection.script(['DEALLOCATE ALL']);
    for (const type of ['second', 'third']) {
      await insert(type);
      expect(await read()).toMatchObject([{ type }]);
      expect(await read()).toEqual([]);
    }
    expect(prepared).toHaveBeenCalledTimes(2);
  });

  test('are planned once, whatever is asked for', async () => {
    const prepared = jest.spyOn(Connection.prototype, 'selectPrepared');
    for (let n = 0; n < 20; n++) {
      await insert('event');
      expect(await read()).toHaveLength(1);
    }
    const [connection] = prepared.mock.contexts as [Connection];
    const [rows] = await connection.script([
      "SELECT generic_plans::int, custom_plans::int FROM pg_prepared_statements WHERE name LIKE 'outbox\\_%' AND statement LIKE 'WITH fresh%'",
    ]);
    expect(rows).toEqual([{ generic_plans: expect.any(Number), custom_plans: 0 }]);
    expect(prepared).toHaveBeenCalledTimes(20);
  });

  test('that fail for another reason are an error, and the next read is a new try', async () => {
    await playground.sql(`ALTER TABLE ${playground.name}.outbox RENAME TO gone`);
    await expect(read()).rejects.toThrow('does not exist');
    await playground.sql(`ALTER TABLE ${playground.name}.gone RENAME TO outbox`);
    const prepared = jest.spyOn(Connection.prototype, 'selectPrepared');
    await insert('event');
    expect(await read()).toHaveLength(1);
    expect(prepared).toHaveBeenCalledTimes(1);
  });
});
