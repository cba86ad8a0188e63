import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { OutboxService } from 'nestjs-rabbitmq-outbox';
import { DataSource } from 'typeorm';
import type { OrderPlaced } from './order-placed.js';
import { Order } from './order.entity.js';

export class PlaceOrder extends Command<Order> {
  constructor(
    readonly customerName: string,
    readonly price: number,
  ) {
    super();
  }
}

@CommandHandler(PlaceOrder)
export class PlaceOrderHandler implements ICommandHandler<PlaceOrder> {
  constructor(
    private readonly dataSource: DataSource,
    private readonly outbox: OutboxService,
  ) {}

  /** The order and its event are one transaction: both are there afterwards, or neither. */
  execute({ customerName, price }: PlaceOrder): Promise<Order> {
    return this.dataSource.transaction(async (manager) => {
      const order = await manager.save(manager.create(Order, { customerName, price }));
      const event: OrderPlaced = { orderId: order.id, number: order.number, customerName, price };
      await this.outbox.emit(manager, 'order.placed', event, { key: order.id });
      return order;
    });
  }
}
