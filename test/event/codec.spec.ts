import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { UndecodableMessageError } from '../../lib/errors/undecodable-message.error.js';
import { UnserializablePayloadError } from '../../lib/errors/unserializable-payload.error.js';
import { decodePayload, encodePayload } from '../../lib/event/codec.js';

const encode = (payload: unknown) => encodePayload('order.placed', payload);
const roundTrip = (payload: unknown) => {
  const { body, contentType } = encode(payload);
  return decodePayload(body, contentType);
};
const refusal = (payload: unknown): Error => {
  try {
    encode(payload);
  } catch (error) {
    return error as Error;
  }
  throw new Error('was not refused');
};

describe('encoding', () => {
  test('writes JSON as UTF-8 bytes', () => {
    expect(encode({ name: 'größe', n: 1 })).toEqual({
      body: Buffer.from('{"name":"größe","n":1}'),
      contentType: 'application/json',
    });
  });

  test.each([null, false, 0, '', 'text', [], {}])('takes %j for a payload', (payload) => {
    expect(roundTrip(payload)).toEqual(payload);
  });

  test('writes Dates as ISO text, at any depth', () => {
    expect(roundTrip({ at: new Date(0), list: [{ at: new Date(1) }] })).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      list: [{ at: '1970-01-01T00:00:00.001Z' }],
    });
  });

  test('writes instances of classes by their fields, or as their toJSON() says', () => {
    class Money {
      constructor(
        readonly amount: number,
        readonly currency: string,
      ) {}
    }
    class Order {
      readonly #secret = 'not a field';
      readonly total = new Money(5, 'EUR');
      get label() {
        return this.#secret;
      }
    }
    class Reference {
      toJSON() {
        return 'ref:1';
      }
    }
    expect(roundTrip({ order: new Order(), reference: new Reference() })).toEqual({
      order: { total: { amount: 5, currency: 'EUR' } },
      reference: 'ref:1',
    });
  });

  test('leaves Buffers and typed arrays as the bytes they are', () => {
    const bytes = Buffer.from([0, 255, 128, 10]);
    expect(encode(bytes)).toEqual({ body: bytes, contentType: 'application/octet-stream' });
    expect(encode(bytes).body).toBe(bytes);
    const view = new Uint8Array(new Uint8Array([9, 1, 2, 3, 9]).buffer, 1, 3);
    expect(encode(view)).toEqual({
      body: Buffer.from([1, 2, 3]),
      contentType: 'application/octet-stream',
    });
  });

  test('keeps half a surrogate pair, which JSON can escape', () => {
    expect(roundTrip({ text: '\ud83d' })).toEqual({ text: '\ud83d' });
  });

  const circular: Record<string, unknown> = { name: 'loop' };
  circular['self'] = circular;
  test.each([
    ['a circular structure', circular, /circular structure/],
    ['a BigInt', { n: 1n }, /BigInt/],
    ['undefined', undefined, /undefined has no JSON form; emit null for “no payload”/],
    ['a function', () => 1, /function has no JSON form/],
    ['a symbol', Symbol('s'), /symbol has no JSON form/],
    ['an object whose toJSON() gives nothing', { toJSON: () => undefined }, /object has no JSON form/],
    [
      'an object whose toJSON() throws',
      {
        toJSON() {
          throw new Error('lazy relation not loaded');
        },
      },
      /lazy relation not loaded/,
    ],
    [
      'an object whose toJSON() throws something that is no Error',
      {
        toJSON() {
          // eslint-disable-next-line no-throw-literal
          throw 'a string';
        },
      },
      /toJSON\(\) threw a string/,
    ],
  ])('refuses %s, naming the event and the reason', (_, payload, reason) => {
    const error = refusal(payload);
    expect(error).toBeInstanceOf(UnserializablePayloadError);
    expect(error).toMatchObject({ code: 'OUTBOX_UNSERIALIZABLE_PAYLOAD' });
    expect(error.message).toMatch(/^Cannot emit "order\.placed": its payload cannot be encoded: /);
    expect(error.message).toMatch(reason);
  });

  test('keeps the cause of a refusal', () => {
    expect(refusal(circular).cause).toBeInstanceOf(TypeError);
  });
});

describe('decoding', () => {
  test('gives back every JSON value that was encoded', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (payload) => {
        // JSON has one zero.
        expect(roundTrip(payload)).toEqual(JSON.parse(JSON.stringify(payload)));
      }),
    );
  });

  test('gives back all bytes that were encoded', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => Buffer.from(bytes).equals(roundTrip(bytes) as Buffer)));
  });

  test.each([
    'application/json',
    'APPLICATION/JSON; charset=utf-8',
    'application/vnd.acme.order+json',
    undefined,
  ])('reads JSON when the content type is %p', (contentType) => {
    expect(decodePayload(Buffer.from('{"a":1}'), contentType)).toEqual({ a: 1 });
  });

  test('reads text as a string, and leaves anything else a Buffer', () => {
    const body = Buffer.from('{"a":1}');
    expect(decodePayload(body, 'text/plain; charset=utf-8')).toBe('{"a":1}');
    expect(decodePayload(body, 'application/octet-stream')).toBe(body);
    expect(decodePayload(body, '')).toBe(body);
    expect(decodePayload(body, ';')).toBe(body);
  });

  test.each(['', '{', 'not json', '\ufffd'])('refuses %p as JSON, keeping the parser’s reason', (text) => {
    const decode = () => decodePayload(Buffer.from(text), 'application/json');
    expect(decode).toThrow(UndecodableMessageError);
    expect(decode).toThrow(/^The message body cannot be decoded as application\/json: /);
  });
});
