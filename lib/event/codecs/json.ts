import type { Codec } from '../codec.js';

/**
 * JSON (RFC 8259). What `JSON.stringify` would lose in silence is refused: Map and Set (they become `{}`), NaN and
 * Infinity (`null`), and a payload that has no JSON form at all. As always in JSON, a Date arrives as its ISO text,
 * class instances as plain objects, and members that are `undefined` or functions are left out.
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

function refuseLossy(key: string, value: unknown): unknown {
  if (value instanceof Map || value instanceof Set) {
    throw new TypeError(
      `${place(key)} is a ${value.constructor.name}, which JSON cannot carry; convert it to an array or an object`,
    );
  }
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new TypeError(`${place(key)} is ${value}, which JSON cannot carry`);
  if (typeof value === 'bigint')
    throw new TypeError(`${place(key)} is a BigInt, which JSON cannot carry; convert it to a string`);
  return value;
}

const place = (key: string) => (key === '' ? 'it' : `"${key}"`);
