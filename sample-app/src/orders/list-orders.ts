import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { DataSource } from 'typeorm';
import { Order } from './order.entity.js';

/** The latest orders, newest first. */
export class ListOrders extends Query<Order[]> {
  constructor(readonly limit: number) {
    super();
  }
}

@QueryHandler(ListOrders)
export class ListOrdersHandler implements IQueryHandler<ListOrders> {
  constructor(private readonly dataSource: DataSource) {}

  execute({ limit }: ListOrders): Promise<Order[]> {
    return this.dataSource.manager.find(Order, { order: { number: 'DESC' }, take: limit });
  }
}
