import { InvalidHandlerError } from '../errors/invalid-handler.error.js';
import type { RetryOptions } from '../options/options.js';

/** How one handler consumes. What is not given comes from `consumers` of the module. */
export interface OnEventOptions {
  /** Name of the handler's queue. Default `<service>.<Class>.<method>`. */
  queue?: string;
  /** Delays before each further attempt, a rule, or `false` for one attempt only. */
  retry?: RetryOptions;
  /** Unsettled deliveries, which is how many run at once. */
  prefetch?: number;
}

export interface OnEventMetadata {
  readonly patterns: readonly string[];
  readonly options: OnEventOptions;
}

const ON_EVENT = Symbol('nestjs-rabbitmq-outbox:on-event');

/** Nest's `ENTRY_PROVIDER_WATERMARK`. */
const ENTRY_PROVIDER = '__entryProvider__';

/**
 * Handles events whose type matches: `'order.placed'`, `'order.*'` (one word), `'order.#'` (any number of words), or a
 * list of patterns. For a method of any provider or controller; several may stand on one method, each a queue of its
 * own. The method is called with the payload and an `EventContext`, or as its `@Payload()` and `@Ctx()` ask; guards,
 * pipes, interceptors and filters apply, with context type `'rpc'`.
 *
 * It must be safe to run twice for one event: delivery is at least once.
 * @throws {InvalidHandlerError} at start, for a pattern or an option that is wrong; at once, if it is not on a method
 */
export function OnEvent(pattern: string | readonly string[], options: OnEventOptions = {}): MethodDecorator {
  return (target, name, descriptor?: PropertyDescriptor) => {
    const method: unknown = descriptor?.value;
    if (typeof target === 'function' || typeof name === 'symbol' || typeof method !== 'function') {
      const { name: owner } = typeof target === 'function' ? target : target.constructor;
      throw new InvalidHandlerError(
        `${owner}.${String(name)}`,
        'it belongs on a method with a name: not on a static one, an accessor, a property or a symbol.',
      );
    }
    const patterns = Array.isArray(pattern) ? [...(pattern as readonly string[])] : [pattern as string];
    // Decorators run from the last to the first: put in front, they keep the order they are written in.
    Reflect.defineMetadata(ON_EVENT, [{ patterns, options }, ...onEventMetadata(method)], method);
    // Tells Nest that calls come in here, so that its request-scoped global enhancers apply.
    Reflect.defineMetadata(ENTRY_PROVIDER, true, target.constructor);
  };
}

/** `OnEvent` by a name that cannot be confused with `@nestjs/event-emitter`'s. */
export const OnOutboxEvent = OnEvent;

export function onEventMetadata(method: object): readonly OnEventMetadata[] {
  return (Reflect.getMetadata(ON_EVENT, method) as OnEventMetadata[] | undefined) ?? [];
}
