export {
  OutboxOpenTelemetryModule,
  type OutboxOpenTelemetryExtras,
  type OutboxOpenTelemetryOptions,
} from './outbox-opentelemetry.module.js';
export type { TracingOptions } from './tracing-options.js';
