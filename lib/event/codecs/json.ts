import type { Codec } from '../codec.js';
import { hollow } from './hollow.js';

/**
 * JSON (RFC 8259). What `JSON.stringify` would lose in silence is refused: Map, Set, Error and the like (they become
 * `{}`), NaN, Infinity and invalid Dates (`null`), and a payload that has no JSON form at all. As always in JSON, a Date
 * arrives as its ISO text, class instances as plain objects, and members that are `undefined` or functions are left out
 * (in arrays they are `null`).
 */
export const jsonCodec: Codec = {
  contentType: 'application/json',

  encode(payload) {
    const text: string | undefined = JSON.stringify(payload, refuseLossy);
    if (text === undefined)
      throw new TypeError(`${typeof payload} has no JSON form; for “no payload” emit null`);
    return Buffer.from(text);
  },

  decode: (body) => JSON.parse(body.toString('utf8')) as unknown,
};

/** `value` is what `toJSON()` made of it; `this` is the object it was found in. */
function refuseLossy(this: unknown, key: string, value: unknown): unknown {
  const problem = lossy((this as Record<string, unknown>)[key], value);
  if (problem) throw new TypeError(`${key === '' ? 'it' : `"${key}"`} ${problem}`);
  return value;
}

function lossy(original: unknown, value: unknown): string | undefined {
  if (typeof value === 'object') {
    if (value !== null) return hollow(value);
    return original instanceof Date ? 'is an invalid Date, which JSON cannot carry' : undefined;
  }
  if (typeof value === 'number' && !Number.isFinite(value)) return `is ${value}, which JSON cannot carry`;
  if (typeof value === 'bigint') return 'is a BigInt, which JSON cannot carry; convert it to a string';
  return undefined;
}
