import { Inject, Injectable, type InjectionToken } from '@nestjs/common';
import type { HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { tokenOf } from '../../outbox.tokens.js';
import type { HealthCheck } from '../health/health-check.js';
import type { HealthReport } from '../health/judge.js';

export type OutboxHealthResult<Key extends string> = HealthIndicatorResult<
  Key,
  HealthReport['status'],
  Omit<HealthReport, 'status'>
>;

/**
 * The health of an outbox for `HealthCheckService.check()` of `@nestjs/terminus`. `down` (503) when the database does
 * not answer; `degraded` (200) when the broker is away or blocks us, a queue is not consumed, an event waits for too
 * long, or events are dead.
 */
@Injectable()
export class OutboxHealthIndicator {
  constructor(
    private readonly health: HealthCheck,
    private readonly indicators: HealthIndicatorService,
  ) {}

  /** Resolves within the module's `timeout`, whatever is the matter. */
  async isHealthy<const Key extends string>(key: Key): Promise<OutboxHealthResult<Key>> {
    const { status, ...data } = await this.health.check();
    const indicator = this.indicators.check(key);
    if (status === 'down') return indicator.down(data);
    return status === 'degraded' ? indicator.degraded(data) : indicator.up(data);
  }
}

/** What the indicator of a named outbox is injected by; the class itself for the one without a name. */
export const getOutboxHealthIndicatorToken = (outbox?: string): InjectionToken =>
  tokenOf(OutboxHealthIndicator, outbox);

/** Injects the `OutboxHealthIndicator` of a named outbox. */
export const InjectOutboxHealthIndicator = (outbox?: string): ParameterDecorator =>
  Inject(getOutboxHealthIndicatorToken(outbox));
