import type { RetryOptions } from '../options/options.js';

/** How one handler consumes. What is not given comes from `consumers` of the module. */
export interface OnEventOptions {
  /** Name of the handler's queue. Default `<service>.<Class>.<method>`. */
  queue?: string;
  /** Delays before each further attempt, a rule, or `false` for one attempt only. */
  retry?: RetryOptions;
  /** Unsettled deliveries, which is how many run at once. */
  prefetch?: number;
  /** Name of the outbox instance whose broker the events come from. Default: the one without a name. */
  outbox?: string;
}

export interface OnEventMetadata {
  readonly patterns: readonly string[];
  readonly options: OnEventOptions;
}

const ON_EVENT = Symbol('nestjs-rabbitmq-outbox:on-event');

/**
 * Handles events whose type matches: `'order.placed'`, `'order.*'` (one word), `'order.#'` (any number of words), or a
 * list of patterns. For a method of any provider or controller; several may stand on one method, each a queue of its
 * own. The method is called with the payload and an `EventContext`, or as its `@Payload()` and `@Ctx()` ask; guards,
 * pipes, interceptors and filters apply, with context type `'rpc'`.
 *
 * It must be safe to run twice for one event: delivery is at least once.
 * @throws {InvalidHandlerError} at start, for a pattern or an option that is wrong
 */
export function OnEvent(pattern: string | readonly string[], options: OnEventOptions = {}): MethodDecorator {
  return (_target, _name, descriptor: PropertyDescriptor) => {
    const patterns = typeof pattern === 'string' ? [pattern] : [...pattern];
    const before = onEventMetadata(descriptor.value as object);
    // Decorators run from the last to the first: put in front, they keep the order they are written in.
    Reflect.defineMetadata(ON_EVENT, [{ patterns, options }, ...before], descriptor.value as object);
  };
}

/** `OnEvent` by a name that cannot be confused with `@nestjs/event-emitter`'s. */
export const OnOutboxEvent = OnEvent;

export function onEventMetadata(method: object): readonly OnEventMetadata[] {
  return (Reflect.getMetadata(ON_EVENT, method) as OnEventMetadata[] | undefined) ?? [];
}
