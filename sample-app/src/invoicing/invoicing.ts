import { Injectable, UseInterceptors } from '@nestjs/common';
import { OnEvent, OutboxService } from 'nestjs-rabbitmq-outbox';
import { DataSource, type EntityManager } from 'typeorm';
import { RecordActivity } from '../activity/record-activity.js';
import type { OrderPlaced } from '../orders/order-placed.js';
import type { InvoiceSent } from './invoice-sent.js';
import { Invoice } from './invoice.entity.js';

@Injectable()
@UseInterceptors(RecordActivity)
export class Invoicing {
  constructor(
    private readonly dataSource: DataSource,
    private readonly outbox: OutboxService,
  ) {}

  @OnEvent('order.placed')
  invoice(order: OrderPlaced): Promise<string> {
    return this.dataSource.transaction(async (manager) => {
      const number = await write(manager, order);
      if (!number) return `Order ${order.number} was invoiced before`;
      const event: InvoiceSent = {
        invoiceNumber: number,
        orderId: order.orderId,
        customerName: order.customerName,
        amount: order.price,
      };
      await this.outbox.emit(manager, 'invoice.sent', event, { key: order.orderId });
      return `Sent invoice ${number}`;
    });
  }
}

/** The number of the new invoice, or nothing when the order already has one. */
async function write(manager: EntityManager, order: OrderPlaced): Promise<number | undefined> {
  const { raw } = await manager
    .createQueryBuilder()
    .insert()
    .into(Invoice)
    .values({ orderId: order.orderId, amount: order.price })
    .orIgnore()
    .returning('number')
    .execute();
  return (raw as { number: number }[])[0]?.number;
}
