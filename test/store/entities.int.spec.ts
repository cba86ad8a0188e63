import { describe, expect, test } from '@jest/globals';
import { InboxEntity, OutboxEventEntity } from 'nestjs-rabbitmq-outbox';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { applyTableNames } from '../../lib/store/apply-table-names.js';
import { useSchema } from './schema-stage.js';

@Entity('orders')
class Order {
  @PrimaryColumn('int')
  id!: number;

  @Column('text')
  customer!: string;
}

const { playground, connect, storeOn, description } = useSchema();

describe('the application’s own schema builder', () => {
  test.each([
    { schema: undefined, table: 'outbox', inboxTable: 'outbox_inbox' },
    { schema: 'playground', table: 'outgoing', inboxTable: 'incoming' },
  ])('wants no change of our tables: %j', async ({ schema, ...names }) => {
    const storage = { ...names, schema: schema && playground().name };
    const dataSource = await connect({
      entities: [OutboxEventEntity, InboxEntity, Order],
      schema: playground().name,
    });
    applyTableNames(dataSource, storage);
    await storeOn(dataSource, true, storage).prepare();
    const before = await description();
    const { upQueries, downQueries } = await dataSource.driver.createSchemaBuilder().log();
    const wanted = [...upQueries, ...downQueries].map(({ query }) => query);
    expect(wanted.filter((query) => !query.includes('orders'))).toEqual([]);
    expect(wanted.some((query) => query.startsWith('CREATE TABLE'))).toBe(true);
    await dataSource.synchronize();
    await playground().sql(`DROP TABLE ${playground().name}.orders`);
    expect(await description()).toEqual(before);
  });
});

describe('the entities', () => {
  test.each([
    ['the names of the options', { table: 'outgoing', inboxTable: 'incoming', withSchema: true }],
    ['the default names', { table: 'outbox', inboxTable: 'outbox_inbox', withSchema: true }],
    ['the connection’s own schema', { table: 'outbox', inboxTable: 'outbox_inbox', withSchema: false }],
  ])('read and write under %s', async (_, { withSchema, ...names }) => {
    const storage = { ...names, schema: withSchema ? playground().name : undefined };
    const dataSource = await connect({ entities: [OutboxEventEntity, InboxEntity], entityPrefix: 'app_' });
    applyTableNames(dataSource, storage);
    await storeOn(dataSource, true, storage).prepare();
    await playground().sql(
      `INSERT INTO ${playground().name}.${names.table} (id, lane, type, key, payload, content_type, headers, expiration)
       VALUES (gen_random_uuid(), 7, 'order.placed', 'k', '{"a":1}', 'application/json', '{"tenant":"acme"}', 5)`,
    );
    await playground().sql(
      `INSERT INTO ${playground().name}.${names.inboxTable} VALUES ('orders.handler', 'event-1')`,
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
        requireRoute: null,
        createdAt: expect.any(Date),
        availableAt: null,
        attempts: 0,
        lastError: null,
        errors: null,
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
