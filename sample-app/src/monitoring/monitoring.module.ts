import { Module, type DynamicModule } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { OutboxPrometheusModule } from 'nestjs-rabbitmq-outbox/prometheus';
import { OutboxHealthModule } from 'nestjs-rabbitmq-outbox/terminus';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { HealthController } from './health.controller.js';
import { MetricsController } from './metrics.controller.js';

/** `/health` for whoever starts and restarts the shop, `/metrics` for Prometheus; of a process without a page, see `MonitoringServer`. */
@Module({})
export class MonitoringModule {
  static create(): DynamicModule {
    const registry = new Registry();
    collectDefaultMetrics({ register: registry });
    return {
      module: MonitoringModule,
      imports: [
        TerminusModule,
        OutboxHealthModule.forRoot({ maxLag: '1m' }),
        OutboxPrometheusModule.forRoot({ registry }),
      ],
      controllers: [HealthController, MetricsController],
      providers: [{ provide: Registry, useValue: registry }],
    };
  }
}
