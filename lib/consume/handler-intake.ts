import type { DiscoveryService, MetadataScanner } from '@nestjs/core';
import * as check from './handler-checks.js';
import type { Handler, Invoke } from './handler.js';
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
  readonly invoke: Invoke;
}

type Start = (handlers: readonly Handler[]) => Promise<void>;

/** The door for handlers that are not `@OnEvent()` methods: Nest's microservices bring theirs. */
export class HandlerIntake {
  private readonly suffix = processSuffix();
  private readonly waiting: Handler[] = [];
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
    if (this.start) await this.start(handlers);
    else this.waiting.push(...handlers);
  }

  /** Returns those that came before the start; from here on `start` is called with those that come. */
  open(start: Start): readonly Handler[] {
    this.start = start;
    return this.waiting;
  }

  private handler({ name, patterns, options, invoke }: BroughtHandler): Handler {
    check.assertPatterns(name, patterns);
    return {
      name,
      ...queueSettings(name, options, { name: `${this.service}.${name}`, suffix: this.suffix }),
      patterns,
      ...handlerSettings(name, options, this.consumers),
      form: 'decoded',
      invoke,
    };
  }
}
