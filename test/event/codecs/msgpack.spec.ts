import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { msgpackCodec } from '../../../lib/event/codecs/msgpack.js';
import { attempt, circular, hollowObjects, Line, Order, refusal, roundTrip, shared } from './refusals.js';

const there = (payload: unknown) => roundTrip('msgpack', payload);

const UINT64 = 2n ** 64n - 1n;
const INT64 = -(2n ** 63n);

describe('MessagePack', () => {
  test('carries every value it has a type for unchanged', () => {
    const scalar = fc.oneof(
      fc.constant(null),
      fc.boolean(),
      fc.double(),
      fc.integer(),
      fc.string(),
      fc.bigInt({ min: INT64, max: UINT64 }),
      fc.date({ noInvalidDate: true }),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        scalar,
        fc.array(tie('value')),
        fc.dictionary(
          fc.string().filter((name) => name !== '__proto__'),
          tie('value'),
          { noNullPrototype: true },
        ),
      ),
    }));
    fc.assert(
      fc.property(value, (payload) => {
        // One zero, as in JSON.
        const zeroed = (at: unknown): unknown => (Object.is(at, -0) ? 0 : at);
        expect(there(mapped(payload, zeroed))).toEqual(mapped(payload, zeroed));
      }),
    );
  });

  test('is standard MessagePack, without extensions of its own but the timestamp', () => {
    const hex = (payload: unknown) => Buffer.from(msgpackCodec.encode(payload)).toString('hex');
    expect(hex({ a: 1, b: undefined, c: [undefined, null] })).toBe('82a16101a16392c0c0');
    expect(hex(new Date(0))).toBe('d6ff00000000');
    expect(hex(5n)).toBe('d30000000000000005');
    expect(hex(Buffer.from([1, 2]))).toBe('c4020102');
  });

  test('writes instances of classes by their fields, or as their toJSON() says', () => {
    expect(there({ order: new Order(), line: new Line(), link: new URL('http://a/b') })).toEqual({
      order: { total: { amount: 5, currency: 'EUR' } },
      line: { sku: 'A1' },
      link: 'http://a/b',
    });
    expect(there({ own: { toJSON: () => 'own' }, ours: { a: 1, toJSON: itself } })).toEqual({
      own: 'own',
      ours: { a: 1 },
    });
  });

  test('writes the same object as often as it occurs', () => {
    const money = { amount: 1, currency: 'EUR' };
    expect(there(shared)).toEqual({ net: money, gross: money });
  });

  test('leaves out undefined members and functions; in lists they are null', () => {
    const arrived = there({ a: undefined, b: () => 1, c: Symbol('c'), d: [undefined, () => 1] });
    expect(Object.keys(arrived as object)).toEqual(['d']);
    expect(arrived).toEqual({ d: [null, null] });
  });

  test.each(hollowObjects)('refuses %s, wherever it is', (_, value, message) => {
    expect(refusal('msgpack', value)).toBe(`it ${message}`);
    expect(refusal('msgpack', { deep: [{ down: value }] })).toBe(`"down" ${message}`);
  });

  test.each<[string, unknown, RegExp]>([
    ['a circular structure', circular, /^"self" is circular\.$/],
    ['a BigInt beyond 64 bits', { n: UINT64 + 1n }, /^"n" is a BigInt beyond 64 bits\.$/],
    ['one below', [INT64 - 1n], /^"0" is a BigInt beyond 64 bits\.$/],
    ['half a surrogate pair', { text: '\ud83d' }, /^"text" contains a lone surrogate, which UTF-8 cannot/],
    ['half a surrogate pair in a name', { '\udc00': 1 }, /^a name contains a lone surrogate/],
    ['a name that could not arrive', JSON.parse('{"__proto__":1}'), /^"__proto__" is no name/],
    ['an invalid Date', { at: new Date(Number.NaN) }, /^"at" is an invalid Date\.$/],
    [
      'numbers in an array of their own',
      { w: new Float64Array(2) },
      /^"w" is a Float64Array; give its bytes/,
    ],
    ['undefined', undefined, /^undefined has no MessagePack form; for “no payload” emit null\.$/],
    ['a function', () => 1, /^function has no MessagePack form/],
    [
      'an object whose toJSON() gives nothing',
      { toJSON: () => undefined },
      /^object has no MessagePack form/,
    ],
  ])('refuses %s, naming the place and the reason', (_, payload, reason) => {
    expect(refusal('msgpack', payload)).toMatch(reason);
  });

  test('never gives back something else than what it took', () => {
    const anything = fc.anything({ withDate: true, withMap: true, withBigInt: true, withTypedArray: true });
    fc.assert(
      fc.property(anything, (payload) => {
        const outcome = attempt('msgpack', payload);
        if (outcome === 'refused') return;
        expect(there(outcome.arrived)).toEqual(outcome.arrived);
      }),
    );
  });
});

function itself(this: unknown): unknown {
  return this;
}

/** `change` at every leaf. */
function mapped(value: unknown, change: (leaf: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => mapped(item, change));
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return change(value);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mapped(item, change)]));
}
