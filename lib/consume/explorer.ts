import { DiscoveryService, MetadataScanner, ModuleRef, type ContextId } from '@nestjs/core';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import { InvalidHandlerError } from '../errors/invalid-handler.error.js';
import { patternProblem, patternsOverlap } from '../event/pattern.js';
import { resolveRetry } from '../options/retry.js';
import type { RetryPolicy } from '../policy/retry.js';
import type { Handler } from './handler.js';
import type { Invoker, Provider } from './invoker.js';
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
    private readonly moduleRef: ModuleRef,
    private readonly invoker: Invoker,
    private readonly defaults: HandlerDefaults,
  ) {}

  /** @throws {InvalidHandlerError} for a wrong pattern or option, or two handlers that would share an event */
  explore(): Handler[] {
    const wrappers = [...this.discovery.getProviders(), ...this.discovery.getControllers()];
    const handlers = wrappers.flatMap((wrapper) => this.handlersOf(wrapper));
    assertDisjoint(handlers);
    return handlers;
  }

  private handlersOf(wrapper: InstanceWrapper): Handler[] {
    const { metatype } = wrapper;
    const prototype =
      (metatype as { prototype?: Provider } | null)?.prototype ?? prototypeOf(wrapper.instance);
    if (wrapper.isAlias || !prototype) return [];
    return this.scanner.getAllMethodNames(prototype).flatMap((method) => {
      const found = onEventMetadata(prototype[method] as object).filter(({ options }) =>
        this.isOurs(options),
      );
      return found.map((metadata, index) => this.handler(wrapper, prototype, method, metadata, index));
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
    const className = wrapper.name;
    const name = `${className}.${method}`;
    const { patterns, options } = metadata;
    assertPatterns(name, patterns);
    const target = wrapper.isDependencyTreeStatic()
      ? { instance: wrapper.instance as Provider }
      : { instance: prototype, resolve: (contextId: ContextId) => this.resolve(wrapper, contextId) };
    return {
      name,
      queue: queueName(
        name,
        options.queue ?? `${this.defaults.service}.${name}${index === 0 ? '' : `.${index + 1}`}`,
      ),
      patterns,
      prefetch: prefetch(name, options.prefetch ?? this.defaults.prefetch),
      retry: options.retry === undefined ? this.defaults.retry : retry(name, options.retry),
      invoke: this.invoker.invokeFor({ ...target, method, inquirerId: wrapper.id }),
    };
  }

  private resolve(wrapper: InstanceWrapper, contextId: ContextId): Promise<Provider> {
    return this.moduleRef.resolve<Provider>(wrapper.token as string, contextId, { strict: false });
  }
}

const prototypeOf = (instance: unknown): Provider | undefined =>
  typeof instance === 'object' && instance !== null
    ? (Object.getPrototypeOf(instance) as Provider)
    : undefined;

function assertPatterns(handler: string, patterns: readonly string[]): void {
  if (patterns.length === 0) throw new InvalidHandlerError(handler, 'at least one pattern is needed');
  for (const pattern of patterns) {
    const problem = patternProblem(pattern);
    if (problem) throw new InvalidHandlerError(handler, `${problem}.`);
  }
}

function queueName(handler: string, queue: string): string {
  const bytes = Buffer.byteLength(queue);
  if (bytes >= 1 && bytes <= 240 && !queue.startsWith('amq.')) return queue;
  throw new InvalidHandlerError(
    handler,
    `queue must be 1 to 240 bytes and not begin with "amq.", got "${queue}".`,
  );
}

function prefetch(handler: string, value: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= 65_535) return value;
  throw new InvalidHandlerError(
    handler,
    `prefetch must be an integer from 1 to 65535, got ${String(value)}.`,
  );
}

function retry(handler: string, options: Parameters<typeof resolveRetry>[0]): RetryPolicy {
  try {
    return resolveRetry(options);
  } catch (error) {
    throw new InvalidHandlerError(handler, `retry: ${(error as Error).message}.`);
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
          ? 'it is provided by two modules, or decorated twice'
          : `${other.name} consumes it too`;
      throw new InvalidHandlerError(
        handler.name,
        `queue "${handler.queue}" would hold one copy of each event for two handlers (${who}; both match "${clash}"). Give each a queue of its own.`,
      );
    }
  });
}
