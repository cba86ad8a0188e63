import { createRequire } from 'node:module';
import type { Codec } from '../codec.js';

interface Packer {
  pack(value: unknown): Buffer;
  unpack(bytes: Uint8Array): unknown;
}

let packer: Packer | undefined;

/**
 * MessagePack by the optional peer `msgpackr`. Carries what JSON does, and Dates, Buffers and 64-bit BigInts as
 * themselves. Plain standard types only, so that other languages can read it.
 */
export const msgpackCodec: Codec = {
  contentType: 'application/msgpack',

  encode(payload) {
    const lossy = findLossy(payload, 'it', new Set());
    if (lossy) throw new TypeError(lossy);
    return msgpackr().pack(payload);
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
    packer = new Packr({
      useRecords: false,
      mapsAsObjects: true,
      useBigIntExtension: false,
      encodeUndefinedAsNil: false,
    });
  } catch (error) {
    throw new Error('the codec "msgpack" needs the package msgpackr (npm install msgpackr)', {
      cause: error,
    });
  }
  return packer;
}

/** What MessagePack would carry as something else, said as the end of a sentence. */
function findLossy(value: unknown, place: string, ancestors: Set<object>): string | undefined {
  if (value === undefined && ancestors.size === 0)
    return 'undefined has no MessagePack form; for “no payload” emit null';
  if (typeof value === 'function' || typeof value === 'symbol') return `${place} is a ${typeof value}`;
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) !== value)
    return `${place} is a BigInt beyond 64 bits`;
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || value instanceof Date)
    return undefined;
  if (value instanceof Map || value instanceof Set)
    return `${place} is a ${value.constructor.name}; convert it to an array or an object`;
  if (ancestors.has(value)) return `${place} is circular`;
  ancestors.add(value);
  for (const [key, member] of Object.entries(value)) {
    const found = findLossy(member, `"${key}"`, ancestors);
    if (found) return found;
  }
  ancestors.delete(value);
  return undefined;
}
