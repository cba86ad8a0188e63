import { Body, Controller, Get, Post } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ListOrders } from './list-orders.js';
import type { Order } from './order.entity.js';
import { PlaceOrderDto } from './place-order.dto.js';
import { PlaceOrder } from './place-order.js';

@Controller('orders')
export class OrdersController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  @Post()
  place(@Body() { customerName, price }: PlaceOrderDto): Promise<Order> {
    return this.commands.execute(new PlaceOrder(customerName, price));
  }

  @Get()
  list(): Promise<Order[]> {
    return this.queries.execute(new ListOrders(100));
  }
}
