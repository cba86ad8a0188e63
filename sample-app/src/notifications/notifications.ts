import { Injectable, UseInterceptors } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { EventContext, OnEvent } from 'nestjs-rabbitmq-outbox';
import { DataSource } from 'typeorm';
import { RecordActivity } from '../activity/record-activity.js';
import { Notification } from './notification.entity.js';

const NEWS: Record<string, string> = {
  'order.placed': 'order received',
  'invoice.sent': 'invoice sent',
};

/** Knows no payload but the name in it: what it subscribes to is a pattern, so new events reach it by themselves. */
@Injectable()
@UseInterceptors(RecordActivity)
export class Notifications {
  constructor(private readonly dataSource: DataSource) {}

  @OnEvent(['order.*', 'invoice.*'])
  async notify(
    @Payload('customerName') customerName: string,
    @Ctx() { id, type }: EventContext,
  ): Promise<string> {
    const message = `Told ${customerName}: ${NEWS[type] ?? type}`;
    await this.dataSource.manager.upsert(Notification, { eventId: id, message }, ['eventId']);
    return message;
  }
}
