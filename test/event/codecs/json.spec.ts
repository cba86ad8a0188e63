import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { jsonCodec } from '../../../lib/event/codecs/json.js';
import { attempt, circular, hollowObjects, Line, Order, refusal, roundTrip, shared } from './refusals.js';

const there = (payload: unknown) => roundTrip('json', payload);

describe('JSON', () => {
  test('is written as UTF-8', () => {
    expect(jsonCodec.encode({ name: 'größe', n: 1 })).toEqual(Buffer.from('{"name":"größe","n":1}'));
  });

  test.each([null, false, 0, '', 'text', [], {}])('takes %j for a payload', (payload) => {
    expect(there(payload)).toEqual(payload);
  });

  test('carries every JSON value unchanged', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (payload) => {
        // JSON has one zero.
        expect(there(payload)).toEqual(JSON.parse(JSON.stringify(payload)));
      }),
    );
  });

  test('carries any text, half a surrogate pair too', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => there(text) === text));
    for (const text of ['\ud83d', '\udc00a', 'a\0b', '\ufeff', '😀']) expect(there([text])).toEqual([text]);
  });

  test('writes Dates as ISO text, at any depth', () => {
    expect(there({ at: new Date(0), list: [{ at: new Date(1) }] })).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      list: [{ at: '1970-01-01T00:00:00.001Z' }],
    });
  });

  test('writes instances of classes by their fields, or as their toJSON() says', () => {
    expect(there({ order: new Order(), line: new Line(), link: new URL('http://a/b') })).toEqual({
      order: { total: { amount: 5, currency: 'EUR' } },
      line: { sku: 'A1' },
      link: 'http://a/b',
    });
  });

  test('writes the same object as often as it occurs', () => {
    const money = { amount: 1, currency: 'EUR' };
    expect(there(shared)).toEqual({ net: money, gross: money });
  });

  test('leaves out undefined members and functions; in lists they are null', () => {
    expect(there({ a: undefined, b: () => 1, c: Symbol('c'), d: [undefined, () => 1] })).toEqual({
      d: [null, null],
    });
  });

  test.each(hollowObjects)('refuses %s, wherever it is', (_, value, message) => {
    expect(refusal('json', value)).toBe(`it ${message}`);
    expect(refusal('json', { deep: [{ down: value }] })).toBe(`"down" ${message}`);
  });

  test('but takes what its toJSON() makes of it', () => {
    class Tags extends Set<string> {
      toJSON() {
        return [...this];
      }
    }
    expect(there({ tags: new Tags(['a']) })).toEqual({ tags: ['a'] });
  });

  test.each<[string, unknown, RegExp]>([
    ['a circular structure', circular, /^Converting circular structure to JSON/],
    ['a BigInt', 1n, /^it is a BigInt, which JSON cannot carry; convert it to a string\.$/],
    ['a BigInt within', { list: [{ n: 1n }] }, /^"n" is a BigInt/],
    ['NaN', { ratio: Number.NaN }, /^"ratio" is NaN, which JSON cannot carry\.$/],
    ['Infinity in a list', [-Infinity], /^"0" is -Infinity, which JSON cannot carry\.$/],
    ['an invalid Date', { at: new Date(Number.NaN) }, /^"at" is an invalid Date, which JSON cannot carry\.$/],
    ['undefined', undefined, /^undefined has no JSON form; for “no payload” emit null\.$/],
    ['a function', () => 1, /^function has no JSON form/],
    ['a symbol', Symbol('s'), /^symbol has no JSON form/],
    ['an object whose toJSON() gives nothing', { toJSON: () => undefined }, /^object has no JSON form/],
    [
      'an object whose toJSON() throws',
      { toJSON: throwing(new Error('not loaded\nat x')) },
      /^not loaded\.$/,
    ],
    ['one that throws something else', { toJSON: throwing('a text') }, /^it threw a text\.$/],
    ['a depth no stack can hold', deep(100_000), /call stack/],
  ])('refuses %s, naming the place and the reason', (_, payload, reason) => {
    expect(refusal('json', payload)).toMatch(reason);
  });

  test('never gives back something else than what it took', () => {
    const anything = fc.anything({ withDate: true, withMap: true, withBigInt: true, withSet: true });
    fc.assert(
      fc.property(anything, (payload) => {
        const outcome = attempt('json', payload);
        if (outcome === 'refused') return;
        expect(there(outcome.arrived)).toEqual(outcome.arrived);
        expect(JSON.stringify(outcome.arrived)).toBe(JSON.stringify(payload));
      }),
    );
  });
});

function throwing(what: unknown) {
  return () => {
    throw what;
  };
}

function deep(levels: number): unknown {
  let value: unknown = {};
  for (let level = 0; level < levels; level++) value = { value };
  return value;
}
