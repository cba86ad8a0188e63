import { ConfigurableModuleBuilder, Module } from '@nestjs/common';
import { HealthIndicatorService, TerminusModule } from '@nestjs/terminus';
import { getObservedOutboxToken } from '../../outbox.tokens.js';
import { HealthCheck } from '../health/health-check.js';
import { healthSettings, type HealthOptions } from '../health/health-options.js';
import type { ObservedOutbox } from '../observed-outbox.js';
import { getOutboxHealthIndicatorToken, OutboxHealthIndicator } from './outbox-health.indicator.js';

export type OutboxHealthOptions = HealthOptions;

/** What shapes the module; everything else may come from a factory. */
export interface OutboxHealthExtras {
  /** Name of the outbox, if it was given one. */
  outbox?: string;
}

const EXTRAS: OutboxHealthExtras = {};
const OPTIONS = Symbol('nestjs-rabbitmq-outbox:terminus:options');

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<OutboxHealthOptions>({
  optionsInjectionToken: OPTIONS,
})
  .setClassMethodName('forRoot')
  .setExtras(EXTRAS, (definition, { outbox }) => {
    const token = getOutboxHealthIndicatorToken(outbox);
    const indicator = {
      provide: token,
      inject: [getObservedOutboxToken(outbox), OPTIONS, HealthIndicatorService],
      useFactory: (
        observed: ObservedOutbox,
        options: OutboxHealthOptions,
        indicators: HealthIndicatorService,
      ) => new OutboxHealthIndicator(new HealthCheck(observed, healthSettings(options)), indicators),
    };
    return {
      ...definition,
      imports: [...(definition.imports ?? []), TerminusModule],
      providers: [...(definition.providers ?? []), indicator],
      exports: [...(definition.exports ?? []), token],
    };
  })
  .build();

/** Makes `OutboxHealthIndicator` injectable where it is imported. */
@Module({})
export class OutboxHealthModule extends ConfigurableModuleClass {}
