import { InvalidEventTypeError } from '../errors/invalid-event-type.error.js';
import { eventDescription, type EventDescription } from '../event/outbox-event.decorator.js';
import type { EmitOptions } from './emit-options.js';
import type { TransactionHandle } from './transaction.js';

/** `emit()` in one form, whichever of its four was called. */
export interface EmitCall {
  /** `undefined` to join the surrounding transaction. */
  readonly tx: { readonly handle: TransactionHandle } | undefined;
  readonly event: EventToWrite;
}

/** One event as its emitter gave it. */
export interface EventToWrite {
  readonly type: string;
  readonly payload: unknown;
  readonly options: EmitOptions;
  /** What its class says, if it has one. */
  readonly description?: EventDescription | undefined;
}

export function emitCall(args: readonly unknown[]): EmitCall {
  const [first, second] = args;
  if (typeof first === 'string' || isEvent(first)) return { tx: undefined, event: eventOf(args) };
  if (typeof second !== 'string' && !isEvent(second) && isObject(first) && !isHandle(first)) {
    throw undecorated(first);
  }
  return { tx: { handle: first as TransactionHandle }, event: eventOf(args.slice(1)) };
}

/** `[type, payload, options?]` or `[event, options?]`. */
function eventOf([first, second, third]: readonly unknown[]): EventToWrite {
  if (isObject(first)) return classEvent(first, (second ?? {}) as EmitOptions);
  return {
    type: first as string,
    payload: second,
    options: (third ?? {}) as EmitOptions,
    description: undefined,
  };
}

/** @throws {InvalidEventTypeError} for an instance of a class without `@OutboxEvent()`. */
export function classEvent(event: object, options: EmitOptions): EventToWrite {
  const description = eventDescription(event);
  if (!description) throw undecorated(event);
  return { type: description.type, payload: event, options, description };
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Anything of TypeORM's, in a transaction or not: an `EntityManager`, a `QueryRunner`, a `DataSource`. */
const isHandle = (value: object): boolean =>
  ['transaction', 'startTransaction'].some((method) => typeof (value as never)[method] === 'function');

const isEvent = (value: unknown): value is object => isObject(value) && eventDescription(value) !== undefined;

function undecorated(event: object): InvalidEventTypeError {
  const name = event.constructor?.name ?? 'Object';
  return new InvalidEventTypeError(
    name,
    `${name} is not an event class: give it @OutboxEvent('some.type'), or emit a type and a payload`,
  );
}
