import type { Type } from '@nestjs/common';
import { DiscoveryService, MetadataScanner, ModuleRef, type ContextId } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import { describeValue } from '../errors/describe-value.js';
import { InvalidHandlerError } from '../errors/invalid-handler.error.js';
import { patternProblem, patternsOverlap } from '../event/pattern.js';
import { resolveRetry } from '../options/retry.js';
import type { RetryPolicy } from '../policy/retry.js';
import type { Handler } from './handler.js';
import type { Invoker, InvokerTarget, Provider } from './invoker.js';
import { onEventMetadata, type OnEventMetadata, type OnEventOptions } from './on-event.decorator.js';

export interface HandlerDefaults {
  /** Prefix of queue names. */
  readonly service: string;
  /** Name of the outbox instance; handlers of others are none of its business. */
  readonly outbox: string;
  readonly prefetch: number;
  readonly retry: RetryPolicy;
}

/** Finds the `@OnEvent()` methods of every provider and controller. */
export class HandlerExplorer {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly invoker: Invoker,
    private readonly defaults: HandlerDefaults,
  ) {}

  /** @throws {InvalidHandlerError} for a wrong pattern or option, or two handlers that would share an event */
  explore(): Handler[] {
    const wrappers = [...this.discovery.getProviders(), ...this.discovery.getControllers()];
    const handlers = distinct(wrappers).flatMap((wrapper) => this.handlersOf(wrapper));
    assertDisjoint(handlers);
    return handlers;
  }

  private handlersOf(wrapper: InstanceWrapper): Handler[] {
    const prototype = prototypeOf(wrapper);
    if (!prototype) return [];
    return this.scanner.getAllMethodNames(prototype).flatMap((method) => {
      // Counted with those of other outboxes: on one broker their queues must not share a name.
      const found = [...onEventMetadata(prototype[method] as object).entries()];
      return found
        .filter(([, { options }]) => this.isOurs(options))
        .map(([index, metadata]) => this.handler(wrapper, prototype, method, metadata, index));
    });
  }

  private isOurs({ outbox = 'default' }: OnEventOptions): boolean {
    return outbox === this.defaults.outbox;
  }

  private handler(
    wrapper: InstanceWrapper,
    prototype: Provider,
    method: string,
    metadata: OnEventMetadata,
    index: number,
  ): Handler {
    const name = `${prototype.constructor.name}.${method}`;
    const { patterns, options } = metadata;
    assertPatterns(name, patterns);
    assertKnown(name, options);
    return {
      name,
      queue: queueName(
        name,
        options.queue ?? `${this.defaults.service}.${name}${index === 0 ? '' : `.${index + 1}`}`,
      ),
      patterns,
      prefetch: prefetch(name, options.prefetch ?? this.defaults.prefetch),
      retry: options.retry === undefined ? this.defaults.retry : retry(name, options.retry),
      invoke: this.invoker.invokeFor({ ...targetOf(wrapper, prototype), method }),
    };
  }
}

/** Without aliases, and without factories that hand on what another provider has made. */
function distinct(wrappers: readonly InstanceWrapper[]): InstanceWrapper[] {
  const own = wrappers.filter(({ isAlias }) => !isAlias);
  const made = new Set<unknown>(own.filter((one) => !one.isNotMetatype).map(({ instance }) => instance));
  return own.filter((one) => {
    if (!one.isNotMetatype) return true;
    const first = !made.has(one.instance);
    made.add(one.instance);
    return first;
  });
}

/** Of a class Nest instantiates: the class's. Of a value, or what a factory made: its own. */
function prototypeOf({ isNotMetatype, metatype, instance }: InstanceWrapper): Provider | undefined {
  if (!isNotMetatype) return (metatype as Type<Provider>).prototype;
  return typeof instance === 'object' && instance !== null
    ? (Object.getPrototypeOf(instance) as Provider)
    : undefined;
}

/** Request-scoped and transient providers get an instance per message. */
function targetOf(wrapper: InstanceWrapper, prototype: Provider): Omit<InvokerTarget, 'method'> {
  const { id: inquirerId, token, host } = wrapper;
  const target = { inquirerId, moduleToken: host?.token ?? '' };
  if (wrapper.isDependencyTreeStatic() && !wrapper.isTransient)
    return { ...target, instance: wrapper.instance as Provider };
  const moduleRef = host?.getProviderByKey<ModuleRef>(ModuleRef).instance as ModuleRef;
  const resolve = (contextId: ContextId) => moduleRef.resolve<Provider>(token as string, contextId);
  return { ...target, instance: prototype, resolve };
}

function assertPatterns(handler: string, patterns: readonly string[]): void {
  if (patterns.length === 0) throw new InvalidHandlerError(handler, 'at least one pattern is needed');
  for (const pattern of patterns) {
    const problem = patternProblem(pattern);
    if (problem) throw new InvalidHandlerError(handler, `${problem}.`);
  }
}

const OPTIONS: ReadonlySet<string> = new Set<keyof OnEventOptions>(['queue', 'prefetch', 'retry', 'outbox']);

function assertKnown(handler: string, options: OnEventOptions): void {
  const unknown = Object.keys(options).find((option) => !OPTIONS.has(option));
  if (unknown !== undefined) throw new InvalidHandlerError(handler, `"${unknown}" is not an option.`);
}

function queueName(handler: string, queue: unknown): string {
  const bytes = typeof queue === 'string' ? Buffer.byteLength(queue) : 0;
  if (typeof queue === 'string' && bytes >= 1 && bytes <= 240 && !queue.startsWith('amq.')) return queue;
  throw new InvalidHandlerError(
    handler,
    `queue must be a name of 1 to 240 bytes that does not begin with "amq.", got ${describeValue(queue)}.`,
  );
}

function prefetch(handler: string, value: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= 65_535) return value;
  throw new InvalidHandlerError(
    handler,
    `prefetch must be an integer from 1 to 65535, got ${describeValue(value)}.`,
  );
}

function retry(handler: string, options: Parameters<typeof resolveRetry>[0]): RetryPolicy {
  try {
    return resolveRetry(options);
  } catch (error) {
    throw new InvalidHandlerError(
      handler,
      `retry ${(error as Error).message}, got ${describeValue(options)}.`,
    );
  }
}

/** Handlers may share a queue only if no event is for two of them: the queue holds one copy of each. */
function assertDisjoint(handlers: readonly Handler[]): void {
  handlers.forEach((handler, index) => {
    for (const other of handlers.slice(0, index).filter(({ queue }) => queue === handler.queue)) {
      const clash = handler.patterns.find((pattern) =>
        other.patterns.some((theirs) => patternsOverlap(pattern, theirs)),
      );
      if (!clash) continue;
      const who =
        other.name === handler.name
          ? 'it is provided more than once, or decorated twice'
          : `${other.name} consumes it too`;
      throw new InvalidHandlerError(
        handler.name,
        `queue "${handler.queue}" would hold one copy of each event for two handlers (${who}; both match "${clash}"). Give each a queue of its own.`,
      );
    }
  });
}
