import { Injectable, type DynamicModule } from '@nestjs/common';
import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { Test, type TestingModule } from '@nestjs/testing';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import {
  getOutboxEventPublisherToken,
  getOutboxRelayToken,
  getOutboxToken,
  InjectOutbox,
  InjectOutboxEventPublisher,
  InjectOutboxRelay,
  OnEvent,
  OutboxEventPublisher,
  OutboxModule,
  OutboxRelay,
  OutboxService,
  WrongDataSourceError,
  type EventContext,
  type OutboxOptions,
} from 'nestjs-rabbitmq-outbox';
import type { DataSource } from 'typeorm';
import { createPlayground, eventually, outboxOptions, type Playground } from '../support/outbox-app.js';

/** Who was given what: `<handler> <type> <id>`. */
const handled: string[] = [];
const seen = (handler: string, { type, id }: EventContext) => void handled.push(`${handler} ${type} ${id}`);

@Injectable()
class Handlers {
  @OnEvent('#')
  inShop(_payload: unknown, context: EventContext) {
    seen('inShop', context);
  }

  @OnEvent('#', { outbox: 'billing' })
  inBilling(_payload: unknown, context: EventContext) {
    seen('inBilling', context);
  }

  @OnEvent('order.*')
  @OnEvent('invoice.*', { outbox: 'billing' })
  inBoth(_payload: unknown, context: EventContext) {
    seen('inBoth', context);
  }
}

@Injectable()
class Shop {
  constructor(
    readonly outbox: OutboxService,
    readonly relay: OutboxRelay,
    readonly publisher: OutboxEventPublisher,
  ) {}
}

@Injectable()
class Billing {
  constructor(
    @InjectOutbox('billing') readonly outbox: OutboxService,
    @InjectOutboxRelay('billing') readonly relay: OutboxRelay,
    @InjectOutboxEventPublisher('billing') readonly publisher: OutboxEventPublisher,
  ) {}
}

interface World {
  readonly shop: Playground;
  readonly billing: Playground;
  /** Of the instance named "billing". */
  readonly options: () => OutboxOptions;
}

const ways: Array<[way: string, register: (world: World) => DynamicModule]> = [
  [
    'forRoot({ name })',
    ({ options }) =>
      OutboxModule.forRoot({
        name: 'billing',
        ...options(),
        storage: { ...options().storage, dataSource: 'billing' },
      }),
  ],
  [
    'forRootAsync({ name, dataSource })',
    ({ options }) =>
      OutboxModule.forRootAsync({ name: 'billing', dataSource: 'billing', useFactory: options }),
  ],
];

describe.each(ways)('two outboxes in one application, one by %s', (_, register) => {
  let world: World;
  let app: TestingModule;
  let shop: Shop;
  let billing: Billing;
  let shopDb: DataSource;
  let billingDb: DataSource;

  beforeAll(async () => {
    const [first, second] = [await createPlayground(), await createPlayground()];
    // One service with one broker: only their exchanges keep the two apart.
    const options = () => outboxOptions(second, { service: first.name, consumers: { retry: false } });
    world = { shop: first, billing: second, options };
    for (const queue of ['inShop', 'inBilling', 'inBoth', 'inBoth.2']) {
      first.remember('queue', `${first.name}.Handlers.${queue}`);
      first.remember('queue', `${first.name}.Handlers.${queue}.dlq`);
    }
    const database = ({ databaseUrl, name }: Playground, dataSource?: string) =>
      TypeOrmModule.forRoot({
        ...(dataSource && { name: dataSource }),
        type: 'postgres',
        url: databaseUrl,
        schema: name,
        autoLoadEntities: true,
        retryAttempts: 0,
      });
    app = await Test.createTestingModule({
      imports: [
        ScheduleModule.forRoot(),
        database(first),
        database(second, 'billing'),
        OutboxModule.forRoot(outboxOptions(first, { consumers: { retry: false } })),
        register(world),
      ],
      providers: [Handlers, Shop, Billing],
    })
      .setLogger(false as never)
      .compile();
    await app.init();
    shop = app.get(Shop);
    billing = app.get(Billing);
    shopDb = app.get(getDataSourceToken());
    billingDb = app.get(getDataSourceToken('billing'));
  });
  afterAll(async () => {
    await app?.close();
    await world?.shop.close();
    await world?.billing.close();
  });
  afterEach(() => {
    shop.relay.resume();
    billing.relay.resume();
  });

  const emit = (from: Shop | Billing, type: string) =>
    (from === shop ? shopDb : billingDb).transaction((manager) => from.outbox.emit(manager, type, {}));

  const state = async (where: Playground, id: string) => {
    const rows = await where.sql<{ state: string }>(`SELECT state FROM ${where.name}.outbox WHERE id = $1`, [
      id,
    ]);
    return rows[0]?.state;
  };
  const published = (where: Playground, id: string) =>
    eventually(async () => (await state(where, id)) === 'published');

  test('the one without a name is injected by class, the other by its name', () => {
    expect(app.get(OutboxService)).toBe(shop.outbox);
    expect(app.get(getOutboxToken())).toBe(shop.outbox);
    expect(app.get(getOutboxRelayToken())).toBe(shop.relay);
    expect(app.get(getOutboxEventPublisherToken())).toBe(shop.publisher);
    expect(app.get(getOutboxToken('billing'))).toBe(billing.outbox);
    expect(app.get(getOutboxRelayToken('billing'))).toBe(billing.relay);
    expect(app.get(getOutboxEventPublisherToken('billing'))).toBe(billing.publisher);
    expect([billing.outbox, billing.relay, billing.publisher]).toEqual([
      expect.any(OutboxService),
      expect.any(OutboxRelay),
      expect.any(OutboxEventPublisher),
    ]);
    expect(billing.outbox).not.toBe(shop.outbox);
    expect(billing.relay).not.toBe(shop.relay);
  });

  test('each writes to its own tables and publishes to its own exchange', async () => {
    const queues = new Map<string, string>();
    const channel = await world.shop.channel();
    for (const { name } of [world.shop, world.billing]) {
      const { queue } = await channel.assertQueue('', { exclusive: true });
      await channel.bindQueue(queue, name, '#');
      queues.set(name, queue);
    }
    const order = await emit(shop, 'order.placed');
    const invoice = await emit(billing, 'invoice.sent');
    for (const [{ name }, id] of [
      [world.shop, order],
      [world.billing, invoice],
    ] as const) {
      const queue = queues.get(name) as string;
      const message = await eventually(() => channel.get(queue, { noAck: true }));
      expect(message.properties.messageId).toBe(id);
      expect(await channel.get(queue, { noAck: true })).toBe(false);
    }
    await channel.close();
    await published(world.shop, order);
    await published(world.billing, invoice);
    expect(await state(world.billing, order)).toBeUndefined();
    expect(await state(world.shop, invoice)).toBeUndefined();
  });

  test('handlers are given the events of their outbox only, also two on one method', async () => {
    const order = await emit(shop, 'order.placed');
    const orderLike = await emit(billing, 'order.copied');
    const invoice = await emit(billing, 'invoice.sent');
    const invoiceLike = await emit(shop, 'invoice.copied');
    const expected = [
      `inShop order.placed ${order}`,
      `inBoth order.placed ${order}`,
      `inBilling order.copied ${orderLike}`,
      `inBilling invoice.sent ${invoice}`,
      `inBoth invoice.sent ${invoice}`,
      `inShop invoice.copied ${invoiceLike}`,
    ];
    const ids = [order, orderLike, invoice, invoiceLike];
    const ours = () => handled.filter((line) => ids.some((id) => line.endsWith(id)));
    await eventually(() => ours().length >= expected.length);
    expect(ours().sort()).toEqual(expected.sort());
    const channel = await world.shop.channel();
    const { name } = world.shop;
    for (const queue of ['inShop', 'inBilling', 'inBoth', 'inBoth.2']) {
      expect(await channel.checkQueue(`${name}.Handlers.${queue}`)).toMatchObject({ consumerCount: 1 });
    }
    await channel.close();
  });

  test('pausing one does not hold up the other', async () => {
    shop.relay.pause();
    const order = await emit(shop, 'order.placed');
    const invoice = await emit(billing, 'invoice.sent');
    await published(world.billing, invoice);
    expect(await state(world.shop, order)).toBe('pending');
    expect([await shop.relay.stats(), await billing.relay.stats()]).toEqual([
      expect.objectContaining({ paused: true }),
      expect.objectContaining({ paused: false }),
    ]);
    shop.relay.resume();
    await published(world.shop, order);
  });

  test('a transaction of the one’s data source is refused by the other', async () => {
    const wrong = shopDb.transaction((manager) => billing.outbox.emit(manager, 'invoice.sent', {}));
    await expect(wrong).rejects.toBeInstanceOf(WrongDataSourceError);
    await expect(wrong).rejects.toThrow('another data source than this outbox ("billing")');
    const reverse = billingDb.transaction((manager) => shop.outbox.emit(manager, 'order.placed', {}));
    await expect(reverse).rejects.toThrow('another data source than this outbox ("default")');
  });

  test('the transaction of one does not surround the emits of the other', async () => {
    const wrong = shop.outbox.transaction(() => billing.outbox.emit('invoice.sent', {}));
    await expect(wrong).rejects.toMatchObject({ code: 'OUTBOX_TRANSACTION_REQUIRED' });
    const both = await shop.outbox.transaction(async () => [
      await shop.outbox.emit('order.placed', {}),
      await billing.outbox.transaction(async () => billing.outbox.emit('invoice.sent', {})),
      await shop.outbox.emit('order.placed', {}),
    ]);
    const [order, invoice] = both as [string, string];
    await published(world.shop, order);
    await published(world.billing, invoice);
  });

  test('SchedulerRegistry shows the jobs of both, each under its name', async () => {
    const registry = app.get(SchedulerRegistry);
    const names = ['outbox.billing.poll', 'outbox.billing.prune', 'outbox.poll', 'outbox.prune'];
    const shown = await eventually(() => {
      const timeouts = registry.getTimeouts().sort();
      return timeouts.length === names.length && timeouts;
    });
    expect(shown).toEqual(names);
  });
});
