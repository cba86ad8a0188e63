import { InvalidMessageError } from '../../errors/invalid-message.error.js';
import { brokenRules, checkedBy, classHasRules } from '../../event/validation.js';
import { instancesOf } from './instance.js';
import type { PayloadClass, PayloadShape } from './payload-shape.js';

/**
 * Makes of a decoded payload what the handler asks for.
 * @throws {InvalidMessageError} when it breaks the rules
 */
export type Prepare = (payload: unknown) => Promise<unknown>;

/** The way from what was decoded to what the handler gets: schema, class, rules. `undefined` when there is nothing to do. */
export function preparing({ type, schema }: PayloadShape): Prepare | undefined {
  const instantiate = type && instantiating(type);
  if (!schema) return instantiate;
  const rules = type?.name ?? 'its handler’s schema';
  return async (payload) => {
    const checked = await checkedBy(schema, payload);
    if ('issues' in checked) throw new InvalidMessageError(rules, checked.issues);
    return instantiate ? instantiate(checked.value) : checked.value;
  };
}

function instantiating(type: PayloadClass): Prepare {
  const make = instancesOf(type);
  const hasRules = classHasRules(type);
  return async (payload) => {
    if (!isObject(payload)) return hasRules ? notAnObject(type) : payload;
    const instance = payload instanceof type ? payload : make(payload);
    const issues = hasRules ? await brokenRules(instance) : [];
    if (issues.length > 0) throw new InvalidMessageError(type.name, issues);
    return instance;
  };
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);

function notAnObject(type: PayloadClass): never {
  throw new InvalidMessageError(type.name, [{ path: '', message: 'it must be an object' }]);
}
