import {
  ConfigurableModuleBuilder,
  Inject,
  Module,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { register, type Registry } from 'prom-client';
import { getObservedOutboxToken } from '../../outbox.tokens.js';
import { metricsSettings, type MetricsOptions } from '../metrics/metrics-options.js';
import { OutboxMetrics } from '../metrics/outbox-metrics.js';
import type { ObservedOutbox } from '../observed-outbox.js';
import { PrometheusExporter } from './exporter.js';

export interface OutboxPrometheusOptions extends MetricsOptions {
  /** Default: `prom-client`'s default registry. */
  registry?: Registry;
}

/** What shapes the module; everything else may come from a factory. */
export interface OutboxPrometheusExtras {
  /** Name of the outbox, if it was given one. */
  outbox?: string;
}

const OBSERVED = Symbol('nestjs-rabbitmq-outbox:prometheus:observed');
const EXTRAS: OutboxPrometheusExtras = {};

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } =
  new ConfigurableModuleBuilder<OutboxPrometheusOptions>()
    .setClassMethodName('forRoot')
    .setExtras(EXTRAS, (definition, { outbox }) => ({
      ...definition,
      providers: [
        ...(definition.providers ?? []),
        { provide: OBSERVED, useExisting: getObservedOutboxToken(outbox) },
      ],
    }))
    .build();

/** Shows the numbers of an outbox in a registry of `prom-client`. Import it beside `OutboxModule`. */
@Module({})
export class OutboxPrometheusModule
  extends ConfigurableModuleClass
  implements OnModuleInit, OnApplicationShutdown
{
  private readonly registry: Registry;
  private readonly metrics: OutboxMetrics;
  private exporter: PrometheusExporter | undefined;

  constructor(
    @Inject(OBSERVED) outbox: ObservedOutbox,
    @Inject(MODULE_OPTIONS_TOKEN) options: OutboxPrometheusOptions,
  ) {
    super();
    this.registry = options.registry ?? register;
    this.metrics = new OutboxMetrics(outbox, metricsSettings(options, outbox));
  }

  /** Not in the constructor: of all modules each would find the registry empty. */
  onModuleInit(): void {
    this.exporter = PrometheusExporter.of(this.registry);
    this.exporter.add(this.metrics);
  }

  /** Not before: the last handlers and confirms of a shutdown count, too. */
  onApplicationShutdown(): void {
    this.exporter?.remove(this.metrics);
    this.metrics.close();
  }
}
