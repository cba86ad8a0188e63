import { Inject, Injectable, Module } from '@nestjs/common';
import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { Test } from '@nestjs/testing';
import { InjectDataSource, TypeOrmModule } from '@nestjs/typeorm';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { OutboxModule, OutboxService } from 'nestjs-rabbitmq-outbox';
import { DataSource } from 'typeorm';
import { createPlayground, eventually, outboxOptions, type Playground } from '../support/outbox-app.js';

let playgrounds: Playground[] = [];

beforeAll(async () => {
  playgrounds = [await createPlayground(), await createPlayground()];
});
afterAll(() => Promise.all(playgrounds.map((playground) => playground.close())));

const typeOrm = (index: number, name: string) =>
  TypeOrmModule.forRoot({
    name,
    type: 'postgres',
    url: playgrounds[index]!.databaseUrl,
    schema: playgrounds[index]!.name,
    autoLoadEntities: true,
    retryAttempts: 0,
  });

const outbox = (index: number, dataSource: string) => ({
  ...outboxOptions(playgrounds[index]!, { storage: { dataSource }, relay: { pollInterval: 50 } }),
  isGlobal: false,
});

@Injectable()
class Orders {
  constructor(
    @Inject(OutboxService) readonly outbox: OutboxService,
    @InjectDataSource('orders') readonly dataSource: DataSource,
  ) {}
}

@Injectable()
class Invoices {
  constructor(
    @Inject(OutboxService) readonly outbox: OutboxService,
    @InjectDataSource('invoices') readonly dataSource: DataSource,
  ) {}
}

test('two outboxes on two data sources work side by side in one application, polls and all', async () => {
  @Module({ imports: [OutboxModule.forRoot(outbox(0, 'orders'))], providers: [Orders] })
  class OrdersModule {}
  @Module({ imports: [OutboxModule.forRoot(outbox(1, 'invoices'))], providers: [Invoices] })
  class InvoicesModule {}
  const app = await Test.createTestingModule({
    imports: [
      ScheduleModule.forRoot(),
      typeOrm(0, 'orders'),
      typeOrm(1, 'invoices'),
      OrdersModule,
      InvoicesModule,
    ],
  }).compile();
  try {
    await app.init();
    const sides = [app.get(Orders, { strict: false }), app.get(Invoices, { strict: false })];
    expect(sides[0]!.outbox).not.toBe(sides[1]!.outbox);
    for (const side of sides) {
      await side.dataSource.transaction((manager) => side.outbox.emit(manager, 'order.placed', {}));
    }
    // Rows that no wake-up told of: only a poll finds them, and each side needs its own.
    for (let round = 1; round <= 5; round++) {
      for (const playground of playgrounds) {
        await playground.sql(
          `INSERT INTO ${playground.name}.outbox (id, lane, type, payload, content_type) VALUES (gen_random_uuid(), 0, 'raw.sql', '1', 'application/json')`,
        );
      }
      await eventually(async () => {
        const counts = await Promise.all(
          playgrounds.map((playground) =>
            playground.sql(
              `SELECT count(*)::int AS published FROM ${playground.name}.outbox WHERE state = 'published'`,
            ),
          ),
        );
        return counts.every(([row]) => row?.['published'] === round + 1);
      });
    }
    const registry = app.get(SchedulerRegistry, { strict: false });
    await eventually(() => registry.doesExist('timeout', 'outbox.poll'));
    expect(registry.getTimeouts()).toContain('outbox.prune');
  } finally {
    await app.close();
  }
});
