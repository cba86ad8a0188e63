import { createRequire } from 'node:module';
import { InvalidMessageError } from '../../errors/invalid-message.error.js';
import { BaseEvent } from '../../event/base-event.js';
import type { PayloadClass } from './payload-shape.js';

type Make = (payload: object) => object;

/**
 * Makes instances of a class from what was decoded: by class-transformer, so that its `@Type()`, `@Transform()` and the
 * rest work; without that package no class can carry any of them, and copying the members comes to the same. A class
 * whose constructor fails without arguments is filled without calling it, its nested objects left as they are.
 */
export function instancesOf(type: PayloadClass): Make {
  let make: Make | undefined;
  return (payload) => {
    make ??= constructible(type) ? transforming(type) : filling(type);
    try {
      return withDates(make(payload));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new InvalidMessageError(type.name, [{ path: '', message }], { cause: error });
    }
  };
}

function constructible(type: PayloadClass): boolean {
  try {
    return typeof new type() === 'object';
  } catch {
    return false;
  }
}

interface Transformer {
  plainToInstance(this: void, type: PayloadClass, payload: object): object;
}

function transforming(type: PayloadClass): Make {
  const transformer = loadTransformer();
  if (!transformer) return (payload) => filled(new type(), payload);
  return (payload) => transformer.plainToInstance(type, payload);
}

const filling =
  (type: PayloadClass): Make =>
  (payload) =>
    filled(Object.create(type.prototype as object) as object, payload);

/** Not `Object.assign`, which throws where a class has a getter only, and would let a message choose a prototype. */
function filled(instance: object, payload: object): object {
  for (const [name, value] of Object.entries(payload)) {
    if (name !== '__proto__' && name !== 'constructor') Reflect.set(instance, name, value);
  }
  return instance;
}

/** An optional peer: loaded when the first class asks for it. */
function loadTransformer(): Transformer | undefined {
  try {
    return createRequire(import.meta.url)('class-transformer') as Transformer;
  } catch {
    return undefined;
  }
}

/** The one date of ours that JSON turns into text. */
function withDates(instance: object): object {
  if (!(instance instanceof BaseEvent)) return instance;
  const { occurredAt } = instance as { occurredAt: unknown };
  return typeof occurredAt === 'string'
    ? Object.assign(instance, { occurredAt: new Date(occurredAt) })
    : instance;
}
