import { Module, type DynamicModule } from '@nestjs/common';
import { OutboxModule } from 'nestjs-rabbitmq-outbox';
import { OutboxOpenTelemetryModule } from 'nestjs-rabbitmq-outbox/opentelemetry';
import type { Config, Role } from './config.js';
import { RETRY } from './activity/retry.js';
import { DatabaseModule } from './database/database.module.js';
import { InvoicingModule } from './invoicing/invoicing.module.js';
import { LiveModule } from './live/live.module.js';
import { MonitoringModule } from './monitoring/monitoring.module.js';
import { NotificationsModule } from './notifications/notifications.module.js';
import { OrdersModule } from './orders/orders.module.js';
import type { Servers } from './servers.js';
import { WarehouseModule } from './warehouse/warehouse.module.js';

/** Every process is made of the same parts; its role decides which of them run. */
@Module({})
export class ShopModule {
  static for(config: Config, servers: Servers): DynamicModule {
    return {
      module: ShopModule,
      imports: [
        DatabaseModule.at(servers.database.url),
        OutboxModule.forRoot({
          service: config.service,
          rabbitmq: {
            url: servers.broker.url,
            // Every event of the shop has a consumer. If its queue is not there yet, the event waits for it.
            unroutable: 'fail',
          },
          storage: { migrate: true },
          relay: { enabled: config.role === 'all' || config.role === 'relay' },
          consumers: { enabled: config.role === 'all' || config.role === 'worker', retry: RETRY },
        }),
        // Traces, if OpenTelemetry has been registered (tracing.ts). The numbers go to Prometheus.
        OutboxOpenTelemetryModule.forRoot({ metrics: false }),
        MonitoringModule.create(),
        ...(config.role === 'relay' ? [] : features(config.role, servers)),
      ],
    };
  }
}

function features(role: Role, servers: Servers): NonNullable<DynamicModule['imports']> {
  return [
    OrdersModule,
    InvoicingModule,
    NotificationsModule,
    WarehouseModule,
    ...(role === 'worker' ? [] : [LiveModule.for(role, servers)]),
  ];
}
