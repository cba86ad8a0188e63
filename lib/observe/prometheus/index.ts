export {
  OutboxPrometheusModule,
  type OutboxPrometheusExtras,
  type OutboxPrometheusOptions,
} from './outbox-prometheus.module.js';
