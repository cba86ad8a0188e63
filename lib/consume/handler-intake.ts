import type { DiscoveryService, MetadataScanner } from '@nestjs/core';
import * as check from './handler-checks.js';
import type { EventContext } from './event-context.js';
import type { Handler } from './handler.js';
import { distinct, prototypeOf } from './handler-host.js';
import { handlerSettings, type ConsumerDefaults } from './handler-settings.js';
import { processSuffix, queueSettings } from './queue-settings.js';
import type { OnEventOptions } from './on-event.decorator.js';

/** A method of a controller. */
export interface ControllerMethod {
  /** `Class.method`. */
  readonly name: string;
  readonly method: object;
}

/** A handler that was found by somebody else. */
export interface BroughtHandler {
  readonly name: string;
  readonly patterns: readonly string[];
  readonly options: OnEventOptions;
  /** Runs the method. Rejects with the error that counts for the outcome. */
  readonly invoke: (payload: unknown, context: EventContext) => Promise<void>;
}

type Start = (handlers: readonly Handler[]) => Promise<void>;

/** What is known of a handler before it is brought. */
export type ForeseenHandler = Omit<BroughtHandler, 'invoke'>;

/** The door for handlers that are not `@OnEvent()` methods: Nest's microservices bring theirs. */
export class HandlerIntake {
  private readonly suffix = processSuffix();
  private readonly waiting: Handler[] = [];
  private readonly foreseen: ForeseenHandler[] = [];
  private found: readonly Handler[] = [];
  private start: Start | undefined;

  constructor(
    private readonly service: string,
    private readonly consumers: ConsumerDefaults & { readonly enabled: boolean },
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  /** The methods of all controllers, in the order that Nest registers them. */
  controllerMethods(): ControllerMethod[] {
    return distinct(this.discovery.getControllers()).flatMap((wrapper) => {
      const prototype = prototypeOf(wrapper);
      if (!prototype) return [];
      return this.scanner.getAllMethodNames(prototype).map((method) => ({
        name: `${prototype.constructor.name}.${method}`,
        method: prototype[method] as object,
      }));
    });
  }

  /**
   * Resolves when they consume; at once when the application has not started yet, which then takes them along. A process
   * that must not consume leaves them alone.
   * @throws {InvalidHandlerError} for a wrong pattern or option
   */
  async bring(brought: readonly BroughtHandler[]): Promise<void> {
    if (!this.consumers.enabled) return;
    const handlers = brought.map((one) => this.handler(one));
    this.waiting.push(...handlers);
    await this.start?.(handlers);
  }

  /** Tells of handlers that are going to be brought. */
  foresee(handlers: readonly ForeseenHandler[]): void {
    this.foreseen.push(...handlers);
  }

  /** The application’s own handlers. */
  find(handlers: readonly Handler[]): void {
    this.found = handlers;
  }

  /** Returns those that came before the start; from here on `start` is called with those that come. */
  open(start: Start): readonly Handler[] {
    this.start = start;
    return [...this.waiting];
  }

  /** All that there are, or are going to be. */
  known(): Handler[] {
    const brought = new Set(this.waiting.map(({ name }) => name));
    const coming = this.foreseen.filter(({ name }) => !brought.has(name));
    const invoke = () => Promise.reject(new Error('it has not been brought yet'));
    return [...this.found, ...this.waiting, ...coming.map((one) => this.handler({ ...one, invoke }))];
  }

  private handler({ name, patterns, options, invoke }: BroughtHandler): Handler {
    check.assertPatterns(name, patterns);
    return {
      name,
      ...queueSettings(name, options, { name: `${this.service}.${name}`, suffix: this.suffix }),
      patterns,
      ...handlerSettings(name, options, this.consumers),
      form: 'decoded',
      invoke: (payload, context) => invoke(payload, context as EventContext),
      // What a method is called with is Nest's own business.
      batch: undefined,
    };
  }
}
