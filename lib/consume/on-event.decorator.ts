import type { StandardSchemaV1 } from '@standard-schema/spec';
import { InvalidHandlerError } from '../errors/invalid-handler.error.js';
import { eventDescription, type EventClass } from '../event/outbox-event.decorator.js';
import type { EventType, Matching, OutboxEvents, PayloadOf } from '../event/registry.js';
import type { InboxOptions, RetryOptions } from '../options/options.js';
import type { Duration } from '../policy/duration.js';
import type { BatchOptions } from './batch/batch-options.js';
import type { EventBatch } from './batch/event-batch.js';
import type { EventContext } from './event-context.js';

/** How one handler consumes. What is not given comes from `consumers` of the module. */
export interface OnEventOptions {
  /** Name of the handler's queue. Default `<service>.<Class>.<method>`. */
  queue?: string;
  /** Delays before each further attempt, a rule, or `false` for one attempt only. */
  retry?: RetryOptions;
  /**
   * Handles each event in a transaction that also remembers it: what is written through `context.manager`, and what is
   * emitted without a transaction, commits with the memory of the event, which is handled once. A list of isolation
   * levels: see `InboxOptions`.
   */
  inbox?: InboxOptions;
  /**
   * Events with the same `key` are handled one after the other, in order, in all processes together; different keys at
   * once. A failing event parks its key: later ones wait behind it, and hold up no other key. Default `false`.
   */
  ordered?: boolean;
  /**
   * Of an ordered handler: whether later events of a key wait until somebody deals with one that is dead (`'park'`), or
   * are handled without it (`'continue'`). Default `'park'`.
   */
  onDead?: 'park' | 'continue';
  /**
   * Of an ordered handler: how many queues its events are spread over by their keys, so that as many replicas can be
   * active. Up to 64. Needs RabbitMQ's plugin `rabbitmq_consistent_hash_exchange`. Default: one queue, and one replica
   * at a time.
   */
  partitions?: number;
  /**
   * Calls the method with lists: up to `size` payloads, gathered for `wait`, and an `EventBatch` that can tell which of
   * them failed. What is thrown is the outcome of all of them. Default: one event at a time.
   */
  batch?: BatchOptions;
  /** Deliveries that this process holds unsettled, at most; also how many run at once, unless `concurrency` is less. */
  prefetch?: number;
  /** Runs at once in this process, those included that go on past their `timeout`. Default: the prefetch. */
  concurrency?: number;
  /**
   * How long a run may take. One that takes longer counts as failed, and `context.signal` aborts; nobody can end it, but
   * its event is not handled again in this process before it has ended.
   */
  timeout?: Duration;
  /**
   * What the payload must be: zod, valibot, arktype, or any other Standard Schema. The handler gets what it makes of the
   * payload; what it refuses is a dead letter at once. Default: the `schema` of the event class.
   */
  schema?: StandardSchemaV1;
  /**
   * How long an event may wait on the queue, the time of a retry not counted, before it is a dead letter. Up to 49 days.
   * Default: for ever.
   */
  expiration?: Duration;
  /**
   * Every process of the service gets every event, on a queue of its own that is gone with its connection: for caches and
   * live views. Events that are published while a process is not connected do not reach it. Default: replicas share one
   * queue, and each event reaches one of them.
   */
  broadcast?: boolean;
  /** Exchange that the events come from: somebody else's topic exchange, which must be there. Default: the module's. */
  exchange?: string;
  /** Name of the outbox instance whose broker the events come from. Default: the one without a name. */
  outbox?: string;
}

export interface OnEventMetadata {
  readonly patterns: readonly string[];
  /** The event class, if it was given instead of patterns. */
  readonly event: EventClass | undefined;
  readonly options: OnEventOptions;
}

const ON_EVENT = Symbol('nestjs-rabbitmq-outbox:on-event');

/** Nest's `ENTRY_PROVIDER_WATERMARK`. */
const ENTRY_PROVIDER = '__entryProvider__';

/**
 * Handles events whose type matches: `'order.placed'`, `'order.*'` (one word), `'order.#'` (any number of words), a
 * list of patterns, or an `@OutboxEvent()` class. For a method of any provider or controller; several may stand on one
 * method, each a queue of its own. The method is called with the payload, made an instance of the class of the parameter
 * and checked by its rules, and an `EventContext`; or as its `@Payload()` and `@Ctx()` ask. Guards, pipes, interceptors
 * and filters apply, with context type `'rpc'`.
 *
 * It must be safe to run twice for one event: delivery is at least once.
 * @throws {InvalidHandlerError} at start, for a pattern or an option that is wrong; at once, if it is not on a method
 */
export function OnEvent<Pattern extends string, Schema extends StandardSchemaV1>(
  pattern: Known<Pattern> | readonly Known<Pattern>[],
  options: OnEventOptions & { batch: BatchOptions; schema: Schema },
): ListDecorator<StandardSchemaV1.InferOutput<Schema>>;
export function OnEvent<Pattern extends string>(
  pattern: Known<Pattern> | readonly Known<Pattern>[],
  options: OnEventOptions & { batch: BatchOptions },
): ListDecorator<PayloadFor<Pattern>>;
export function OnEvent<Event extends object>(
  event: EventClass<Event>,
  options: OnEventOptions & { batch: BatchOptions },
): ListDecorator<Event>;
export function OnEvent<Pattern extends string, Schema extends StandardSchemaV1>(
  pattern: Known<Pattern> | readonly Known<Pattern>[],
  options: OnEventOptions & { schema: Schema },
): HandlerDecorator<StandardSchemaV1.InferOutput<Schema>>;
export function OnEvent<Pattern extends string>(
  pattern: Known<Pattern> | readonly Known<Pattern>[],
  options?: OnEventOptions,
): HandlerDecorator<PayloadFor<Pattern>>;
export function OnEvent<Event extends object>(
  event: EventClass<Event>,
  options?: OnEventOptions,
): HandlerDecorator<Event>;
export function OnEvent(
  what: string | readonly string[] | EventClass,
  options: OnEventOptions = {},
): AnyDecorator {
  return (target, name, descriptor?: PropertyDescriptor) => {
    const method: unknown = descriptor?.value;
    const { name: owner } = typeof target === 'function' ? target : target.constructor;
    const handler = `${owner}.${String(name)}`;
    if (typeof target === 'function' || typeof name === 'symbol' || typeof method !== 'function') {
      throw new InvalidHandlerError(
        handler,
        'it belongs on a method with a name: not on a static one, an accessor, a property or a symbol.',
      );
    }
    const patterns = patternsOf(what, handler);
    const event = typeof what === 'function' ? what : undefined;
    // Decorators run from the last to the first: put in front, they keep the order they are written in.
    Reflect.defineMetadata(ON_EVENT, [{ patterns, event, options }, ...onEventMetadata(method)], method);
    // Tells Nest that calls come in here, so that its request-scoped global enhancers apply.
    Reflect.defineMetadata(ENTRY_PROVIDER, true, target.constructor);
  };
}

/** `OnEvent` by a name that cannot be confused with `@nestjs/event-emitter`'s. */
export const OnOutboxEvent = OnEvent;

export function onEventMetadata(method: object): readonly OnEventMetadata[] {
  return (Reflect.getMetadata(ON_EVENT, method) as OnEventMetadata[] | undefined) ?? [];
}

function patternsOf(what: string | readonly string[] | EventClass, handler: string): string[] {
  if (typeof what !== 'function') return Array.isArray(what) ? [...(what as string[])] : [what as string];
  const description = eventDescription(what);
  if (description) return [description.type];
  throw new InvalidHandlerError(handler, `${what.name} is not an event class: it has no @OutboxEvent().`);
}

/** While no events are registered with the compiler, everything is allowed. */
type Unregistered = keyof OutboxEvents extends never ? true : false;

/** The pattern itself if it can match a registered type, otherwise nothing. Of several, each by itself. */
type Known<Pattern extends string> = Unregistered extends true
  ? Pattern
  : Pattern extends unknown
    ? [Matching<Pattern>] extends [never]
      ? EventType
      : Pattern
    : never;

// oxlint-disable-next-line typescript/no-explicit-any
type Anything = any;

type PayloadFor<Pattern extends string> = Unregistered extends true ? Anything : PayloadOf<Matching<Pattern>>;

/**
 * Decorates a method whose first parameter takes the payload, one of its members (`@Payload('id')`), the context, or the
 * body as it came (`Buffer`, `string`).
 */
export type HandlerDecorator<Payload> = <Method extends (...args: Anything[]) => unknown>(
  target: object,
  name: string | symbol,
  descriptor: TypedPropertyDescriptor<Accepting<Method, Payload>>,
) => void;

/** The same for lists: of the payloads, of one of their members, or of the bodies. */
export type ListDecorator<Payload> = <Method extends (...args: Anything[]) => unknown>(
  target: object,
  name: string | symbol,
  descriptor: TypedPropertyDescriptor<AcceptingList<Method, Payload>>,
) => void;

type AcceptingList<Method, Payload> = Method extends (first: infer First, ...rest: Anything[]) => unknown
  ? [First] extends [EventBatch | ReadonlyArray<Uint8Array | string>]
    ? Method
    : [Payload[]] extends [First]
      ? Method
      : [First] extends [ReadonlyArray<Payload[keyof Payload]>]
        ? Method
        : never
  : Method;

type AnyDecorator = (target: object, name: string | symbol, descriptor?: PropertyDescriptor) => void;

type Accepting<Method, Payload> = Method extends (first: infer First, ...rest: Anything[]) => unknown
  ? [First] extends [EventContext | Uint8Array | string]
    ? Method
    : [Payload] extends [First]
      ? Method
      : [First] extends [Payload[keyof Payload]]
        ? Method
        : never
  : Method;
