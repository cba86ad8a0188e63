import type { Logger } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import { assertTakesList } from './batch/batch-options.js';
import * as check from './handler-checks.js';
import type { Handler } from './handler.js';
import { handlerSettings, type ConsumerDefaults } from './handler-settings.js';
import { distinct, prototypeOf, targetOf } from './handler-host.js';
import type { Invoker, Provider } from './invoker.js';
import { processSuffix, queueSettings } from './queue-settings.js';
import { payloadShape } from './payload/payload-shape.js';
import { preparing } from './payload/prepare.js';
import { onEventMetadata, type OnEventMetadata } from './on-event.decorator.js';
import { misplacedListeners } from './misplaced-listeners.js';

export interface HandlerDefaults extends ConsumerDefaults {
  /** Prefix of queue names. */
  readonly service: string;
  /** Name of the outbox instance; handlers of others are none of its business. */
  readonly outbox: string;
  /** Names of all outboxes of the application. */
  readonly outboxes: readonly string[];
}

/** Finds the `@OnEvent()` methods of every provider and controller. */
export class HandlerExplorer {
  private readonly suffix = processSuffix();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly invoker: Invoker,
    private readonly defaults: HandlerDefaults,
    private readonly logger: Pick<Logger, 'warn'>,
  ) {}

  /** @throws {InvalidHandlerError} for a wrong pattern or option */
  explore(): Handler[] {
    const wrappers = distinct([...this.discovery.getProviders(), ...this.discovery.getControllers()]);
    const handlers = wrappers.flatMap((wrapper) => this.handlersOf(wrapper));
    this.warnOfWrongImports(wrappers);
    return handlers;
  }

  /** One of several outboxes tells. */
  private warnOfWrongImports(wrappers: readonly InstanceWrapper[]): void {
    const { outbox, outboxes } = this.defaults;
    if (outbox !== outboxes[0]) return;
    for (const warning of misplacedListeners(wrappers, this.scanner)) this.logger.warn(warning);
  }

  private handlersOf(wrapper: InstanceWrapper): Handler[] {
    const prototype = prototypeOf(wrapper);
    if (!prototype) return [];
    return this.scanner.getAllMethodNames(prototype).flatMap((method) => {
      // Counted with those of other outboxes: on one broker their queues must not share a name.
      const found = [...onEventMetadata(prototype[method] as object).entries()];
      return found
        .filter(([, metadata]) => this.isOurs(nameOf(prototype, method), metadata))
        .map(([index, metadata]) => this.handler(wrapper, prototype, method, metadata, index));
    });
  }

  private isOurs(handler: string, { options }: OnEventMetadata): boolean {
    const { outbox, outboxes } = this.defaults;
    check.assertOutbox(handler, options.outbox, outboxes);
    return (options.outbox ?? 'default') === outbox;
  }

  private handler(
    wrapper: InstanceWrapper,
    prototype: Provider,
    method: string,
    metadata: OnEventMetadata,
    index: number,
  ): Handler {
    const name = nameOf(prototype, method);
    const { patterns, event, options } = metadata;
    check.assertPatterns(name, patterns);
    check.assertKnown(name, options);
    check.assertPayloadFirst(name, prototype, method);
    const schema = check.schema(name, options.schema);
    const { batch, ...settings } = handlerSettings(name, options, this.defaults);
    if (batch) assertTakesList(name, prototype, method);
    const shape = payloadShape(prototype, method, { event, schema, listOf: batch?.of });
    const prepare = preparing(shape);
    const ordinal = index === 0 ? '' : `.${index + 1}`;
    return {
      name,
      ...queueSettings(name, options, {
        name: `${this.defaults.service}.${name}${ordinal}`,
        suffix: this.suffix,
      }),
      patterns,
      ...settings,
      batch: batch && { ...batch, prepare },
      form: shape.form,
      invoke: this.invoker.invokeFor({
        ...targetOf(wrapper, prototype),
        method,
        prepare: batch ? undefined : prepare,
      }),
    };
  }
}

const nameOf = (prototype: Provider, method: string) => `${prototype.constructor.name}.${method}`;
