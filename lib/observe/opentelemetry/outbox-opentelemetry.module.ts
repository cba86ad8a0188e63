import {
  ConfigurableModuleBuilder,
  Inject,
  Module,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { getObservedOutboxToken } from '../../outbox.tokens.js';
import { metricsSettings, type MetricsOptions } from '../metrics/metrics-options.js';
import { OutboxMetrics } from '../metrics/outbox-metrics.js';
import type { ObservedOutbox } from '../observed-outbox.js';
import { OpenTelemetryMetrics } from './metrics.js';
import { checkTracing, type TracingOptions } from './tracing-options.js';
import { SendSpans } from './send-spans.js';
import { OpenTelemetryTracing } from './tracing.js';

export interface OutboxOpenTelemetryOptions {
  /** `false` for none. Default `true`: with the defaults of {@link TracingOptions}. */
  tracing?: boolean | TracingOptions;
  /** `false` for none, as when Prometheus gets them from `prom-client`. Default `true`. */
  metrics?: boolean | MetricsOptions;
}

/** What shapes the module; everything else may come from a factory. */
export interface OutboxOpenTelemetryExtras {
  /** Name of the outbox, if it was given one. */
  outbox?: string;
}

const OBSERVED = Symbol('nestjs-rabbitmq-outbox:opentelemetry:observed');
const EXTRAS: OutboxOpenTelemetryExtras = {};

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } =
  new ConfigurableModuleBuilder<OutboxOpenTelemetryOptions>()
    .setClassMethodName('forRoot')
    .setExtras(EXTRAS, (definition, { outbox }) => ({
      ...definition,
      providers: [
        ...(definition.providers ?? []),
        { provide: OBSERVED, useExisting: getObservedOutboxToken(outbox) },
      ],
    }))
    .build();

/** Traces and numbers of an outbox, through the providers that the application has registered with OpenTelemetry. */
@Module({})
export class OutboxOpenTelemetryModule
  extends ConfigurableModuleClass
  implements OnModuleInit, OnApplicationShutdown
{
  private readonly tracing: OpenTelemetryTracing | undefined;
  private readonly sending: SendSpans | undefined;
  private readonly source: OutboxMetrics | undefined;
  private readonly metrics: OpenTelemetryMetrics | undefined;

  constructor(
    @Inject(OBSERVED) private readonly outbox: ObservedOutbox,
    @Inject(MODULE_OPTIONS_TOKEN) { tracing = true, metrics = true }: OutboxOpenTelemetryOptions,
  ) {
    super();
    if (tracing !== false) {
      this.tracing = new OpenTelemetryTracing(outbox, checkTracing(given(tracing)));
      this.sending = new SendSpans(outbox);
    }
    if (metrics === false) return;
    this.source = new OutboxMetrics(outbox, metricsSettings(given(metrics), outbox));
    this.metrics = new OpenTelemetryMetrics(this.source);
  }

  /** Before anything is started, and so before the first event is handled or published. */
  onModuleInit(): void {
    if (this.tracing) this.outbox.tracing.active = this.tracing;
    this.sending?.start();
    this.metrics?.start();
  }

  /** Not before: the last handlers and confirms of a shutdown count, too. */
  onApplicationShutdown(): void {
    if (this.outbox.tracing.active === this.tracing) this.outbox.tracing.active = undefined;
    this.sending?.stop();
    this.metrics?.stop();
    this.source?.close();
  }
}

const given = <Options extends object>(options: true | Options): Options =>
  options === true ? ({} as Options) : options;
