import { Module } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ListOrdersHandler } from './list-orders.js';
import { Order } from './order.entity.js';
import { OrdersController } from './orders.controller.js';
import { PlaceOrderHandler } from './place-order.js';

@Module({
  imports: [CqrsModule, TypeOrmModule.forFeature([Order])],
  controllers: [OrdersController],
  providers: [PlaceOrderHandler, ListOrdersHandler],
})
export class OrdersModule {}
