export {
  getOutboxHealthIndicatorToken,
  InjectOutboxHealthIndicator,
  OutboxHealthIndicator,
  type OutboxHealthResult,
} from './outbox-health.indicator.js';
export {
  OutboxHealthModule,
  type OutboxHealthExtras,
  type OutboxHealthOptions,
} from './outbox-health.module.js';
