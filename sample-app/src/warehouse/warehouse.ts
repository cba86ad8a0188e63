import { Injectable, UseInterceptors } from '@nestjs/common';
import { OnEvent } from 'nestjs-rabbitmq-outbox';
import { RecordActivity } from '../activity/record-activity.js';
import type { OrderPlaced } from '../orders/order-placed.js';
import { FailureSwitch } from './failure-switch.js';

@Injectable()
@UseInterceptors(RecordActivity)
export class Warehouse {
  constructor(private readonly failureSwitch: FailureSwitch) {}

  @OnEvent('order.placed')
  async pack(order: OrderPlaced): Promise<string> {
    if (await this.failureSwitch.isOn()) throw new Error('Nobody here to pack it');
    return `Packed order ${order.number}`;
  }
}
