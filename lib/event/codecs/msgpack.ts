import { createRequire } from 'node:module';
import type { Codec } from '../codec.js';
import { isWellFormed } from '../well-formed.js';
import { hollow } from './hollow.js';

interface Packer {
  pack(value: unknown): Buffer;
  unpack(bytes: Uint8Array): unknown;
}

let packer: Packer | undefined;

/**
 * MessagePack by the optional peer `msgpackr`. Carries what JSON does, and Dates, Buffers, NaN, Infinity and 64-bit
 * BigInts as themselves. Standard types only, so that other languages can read it; what has none is refused.
 */
export const msgpackCodec: Codec = {
  contentType: 'application/msgpack',

  encode(payload) {
    const data = plain(payload, 'it', new Set());
    if (data === undefined)
      throw new TypeError(`${typeof payload} has no MessagePack form; for “no payload” emit null`);
    return msgpackr().pack(data);
  },

  decode: (body) => msgpackr().unpack(body),
};

/** Loaded when first needed: who does not use it need not install it. */
function msgpackr(): Packer {
  if (packer) return packer;
  try {
    const { Packr } = createRequire(import.meta.url)('msgpackr') as {
      Packr: new (options: object) => Packer;
    };
    // Maps, not msgpackr's records; and no undefined, which only its own extension knows.
    packer = new Packr({
      useRecords: false,
      mapsAsObjects: true,
      variableMapSize: true,
      encodeUndefinedAsNil: true,
    });
  } catch (error) {
    throw new Error('the codec "msgpack" needs the package msgpackr (npm install msgpackr)', {
      cause: error,
    });
  }
  return packer;
}

/**
 * What JSON would make of it, but for the types MessagePack has of its own: class instances become plain objects,
 * `toJSON()` is heard, members that are `undefined` or functions are left out (in arrays they are `null`).
 * @throws {TypeError} for what MessagePack would carry as something else
 */
function plain(value: unknown, place: string, ancestors: Set<object>): unknown {
  if (typeof value === 'object' && value !== null) return plainObject(value, place, ancestors);
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) !== value && BigInt.asUintN(64, value) !== value)
    throw new TypeError(`${place} is a BigInt beyond 64 bits`);
  if (typeof value === 'string' && !isWellFormed(value))
    throw new TypeError(`${place} contains a lone surrogate, which UTF-8 cannot carry`);
  return value;
}

function plainObject(value: object, place: string, ancestors: Set<object>): unknown {
  if (value instanceof Uint8Array) return value;
  if (value instanceof Date) return plainDate(value, place);
  if (ancestors.has(value)) throw new TypeError(`${place} is circular`);
  ancestors.add(value);
  const { toJSON } = value as { toJSON?: unknown };
  const json: unknown = typeof toJSON === 'function' ? toJSON.call(value) : value;
  const data = json === value ? plainMembers(value, place, ancestors) : plain(json, place, ancestors);
  ancestors.delete(value);
  return data;
}

function plainDate(value: Date, place: string): Date {
  if (Number.isNaN(value.getTime())) throw new TypeError(`${place} is an invalid Date`);
  return value;
}

function plainMembers(value: object, place: string, ancestors: Set<object>): unknown {
  if (Array.isArray(value)) return value.map((item, index) => plain(item, `"${index}"`, ancestors));
  const problem = hollow(value);
  if (problem) throw new TypeError(`${place} ${problem}`);
  if (ArrayBuffer.isView(value))
    throw new TypeError(`${place} is a ${value.constructor.name}; give its bytes instead`);
  const members = Object.entries(value).map(([name, member]) => {
    plain(name, 'a name', ancestors);
    if (name === '__proto__') throw new TypeError('"__proto__" is no name a member could arrive by');
    return [name, plain(member, `"${name}"`, ancestors)] as const;
  });
  return Object.fromEntries(members.filter(([, member]) => member !== undefined));
}
