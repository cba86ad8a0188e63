import { Controller, Get } from '@nestjs/common';
import { HealthCheck, HealthCheckService, type HealthCheckResult } from '@nestjs/terminus';
import { OutboxHealthIndicator } from 'nestjs-rabbitmq-outbox/terminus';

/** Without the broker the shop is degraded, and goes on taking orders. */
@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly outbox: OutboxHealthIndicator,
  ) {}

  @Get()
  @HealthCheck()
  check(): Promise<HealthCheckResult> {
    return this.health.check([() => this.outbox.isHealthy('outbox')]);
  }
}
