import { Injectable } from '@nestjs/common';
import { OutboxEventEntity } from 'nestjs-rabbitmq-outbox';
import { DataSource, In } from 'typeorm';
import { Activity } from '../activity/activity.entity.js';
import { Order } from '../orders/order.entity.js';
import { FailureSwitch } from '../warehouse/failure-switch.js';

/** What changes on the page, as one value: a page that missed some needs only the latest. */
export interface Snapshot {
  warehouse: { fails: boolean };
  orders: Order[];
  outbox: { pending: number; dead: number; rows: OutboxRow[] };
  activity: Activity[];
}

export type OutboxRow = Omit<OutboxEventEntity, 'payload'>;

const SHOWN = { orders: 20, rows: 20 };

@Injectable()
export class SnapshotReader {
  constructor(
    private readonly dataSource: DataSource,
    private readonly failureSwitch: FailureSwitch,
  ) {}

  /** One statement after the other: a page that is being watched should not take connections from the work it shows. */
  async read(): Promise<Snapshot> {
    const outbox = await this.readOutbox();
    return {
      outbox,
      activity: await this.readActivity(outbox.rows),
      orders: await this.dataSource.manager.find(Order, { order: { number: 'DESC' }, take: SHOWN.orders }),
      warehouse: { fails: await this.failureSwitch.isOn() },
    };
  }

  private async readOutbox(): Promise<Snapshot['outbox']> {
    const outbox = this.dataSource.getRepository(OutboxEventEntity);
    return {
      // Payloads may be large and are not shown.
      rows: await outbox.find({ select: SHOWN_COLUMNS, order: { seq: 'DESC' }, take: SHOWN.rows }),
      pending: await outbox.countBy({ state: 'pending' }),
      dead: await outbox.countBy({ state: 'dead' }),
    };
  }

  private readActivity(rows: OutboxRow[]): Promise<Activity[]> {
    return this.dataSource.manager.find(Activity, {
      where: { eventId: In(rows.map(({ id }) => id)) },
      order: { at: 'ASC' },
    });
  }
}

const SHOWN_COLUMNS = {
  seq: true,
  id: true,
  state: true,
  type: true,
  key: true,
  attempts: true,
  lastError: true,
  createdAt: true,
  availableAt: true,
  publishedAt: true,
} as const;
