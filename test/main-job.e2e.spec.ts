import { Injectable } from '@nestjs/common';
import { CommandBus, CommandHandler, CqrsModule, type ICommandHandler } from '@nestjs/cqrs';
import { Ctx, Payload } from '@nestjs/microservices';
import { TypeOrmModule } from '@nestjs/typeorm';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { EventContext, OnEvent, OutboxService } from 'nestjs-rabbitmq-outbox';
import { Column, DataSource, Entity, PrimaryGeneratedColumn } from 'typeorm';
import {
  createPlayground,
  eventually,
  startApp,
  type Playground,
  type TestApp,
} from './support/outbox-app.js';

@Entity('orders')
class Order {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column('text')
  customer!: string;

  @Column('int')
  price!: number;
}

class PlaceOrder {
  constructor(
    readonly customer: string,
    readonly price: number,
  ) {}
}

@CommandHandler(PlaceOrder)
class PlaceOrderHandler implements ICommandHandler<PlaceOrder> {
  constructor(
    private readonly dataSource: DataSource,
    private readonly outbox: OutboxService,
  ) {}

  execute({ customer, price }: PlaceOrder): Promise<Order> {
    return this.dataSource.transaction(async (manager) => {
      const order = await manager.save(Order, { customer, price });
      await this.outbox.emit(manager, 'order.placed', { id: order.id, price }, { key: order.id });
      return order;
    });
  }
}

interface OrderPlaced {
  id: string;
  price: number;
}

@Injectable()
class Invoicing {
  readonly handled: Array<{ order: OrderPlaced; context: EventContext }> = [];
  failures = 0;

  @OnEvent('order.*', { retry: ['100ms', '200ms'] })
  invoice(@Payload() order: OrderPlaced, @Ctx() context: EventContext): void {
    this.handled.push({ order, context });
    if (this.failures-- > 0) throw new Error('the printer is on fire');
  }
}

describe('the main job', () => {
  let playground: Playground;
  let shop: TestApp;
  let invoicing: Invoicing;

  beforeAll(async () => {
    playground = await createPlayground();
    await playground.sql(
      `CREATE TABLE ${playground.name}.orders (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), customer text, price int)`,
    );
    playground.remember('queue', `${playground.name}.Invoicing.invoice`);
    playground.remember('queue', `${playground.name}.Invoicing.invoice.dlq`);
    for (const delay of ['100ms', '200ms']) {
      playground.remember('queue', `${playground.name}.retry.${delay}`);
      playground.remember('exchange', `${playground.name}.retry.${delay}`);
    }
    shop = await startApp(playground, {
      imports: [CqrsModule.forRoot(), TypeOrmModule.forFeature([Order])],
      providers: [PlaceOrderHandler, Invoicing],
    });
    invoicing = shop.app.get(Invoicing);
  });

  afterAll(async () => {
    await shop?.close();
    await playground?.close();
  });

  test('a command handler’s order and its event commit together, and a handler elsewhere gets the event', async () => {
    const order = await shop.app.get(CommandBus).execute<PlaceOrder, Order>(new PlaceOrder('Ada', 42));
    const { order: received, context } = await eventually(() =>
      invoicing.handled.find(({ order: o }) => o.id === order.id),
    );
    expect(received).toEqual({ id: order.id, price: 42 });
    expect(context).toMatchObject({
      type: 'order.placed',
      routingKey: 'order.placed',
      key: order.id,
      attempt: 1,
    });
    // The handler may be faster than the relay's note of it.
    const row = await eventually(async () => {
      const query = `SELECT state, attempts FROM ${playground.name}.outbox WHERE key = $1`;
      const [found] = await playground.sql(query, [order.id]);
      return found?.['state'] === 'published' && found;
    });
    expect(row).toEqual({ state: 'published', attempts: 0 });
  });

  test('a handler that keeps failing is retried with its delays, and then its event is a dead letter with the error', async () => {
    invoicing.failures = 3;
    const started = Date.now();
    const order = await shop.app.get(CommandBus).execute<PlaceOrder, Order>(new PlaceOrder('Bob', 13));
    const channel = await playground.channel();
    const letter = await eventually(() =>
      channel.get(`${playground.name}.Invoicing.invoice.dlq`, { noAck: true }),
    );
    expect(Date.now() - started).toBeGreaterThanOrEqual(300);
    expect(JSON.parse(letter.content.toString())).toEqual({ id: order.id, price: 13 });
    expect(letter.properties.headers).toMatchObject({
      'outbox-error-type': 'Error',
      'outbox-error-message': 'the printer is on fire',
      'outbox-attempt': 3,
      'outbox-routing-key': 'order.placed',
      'outbox-consumer': `${playground.name}.Invoicing.invoice`,
    });
    const attempts = invoicing.handled.filter(({ order: o }) => o.id === order.id);
    expect(attempts.map(({ context }) => context.attempt)).toEqual([1, 2, 3]);
    expect(attempts.map(({ context }) => context.routingKey)).toEqual(Array(3).fill('order.placed'));
  });
});
