import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { UndecodableMessageError } from '../../../lib/errors/undecodable-message.error.js';
import type { Codec } from '../../../lib/event/codec.js';
import { Codecs, isCodec } from '../../../lib/event/codecs/codecs.js';
import { refusal, roundTrip } from './refusals.js';

/** Lines of comma-separated values: a codec as an application might bring it. */
const csv: Codec = {
  contentType: 'text/csv; header=absent',
  encode: (rows) => Buffer.from((rows as string[][]).map((row) => row.join(',')).join('\n')),
  decode: (body) =>
    body
      .toString()
      .split('\n')
      .map((row) => row.split(',')),
};

const ROWS = [
  ['a', 'b'],
  ['c', 'd'],
];

describe('text and bytes', () => {
  test('carry every text that UTF-8 can write', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => roundTrip('text', text) === text));
    for (const text of ['', '\0', '\ufeff', '😀\u0301']) expect(roundTrip('text', text)).toBe(text);
  });

  test('carry any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => Buffer.from(bytes).equals(roundTrip('bytes', bytes) as Buffer)),
    );
  });

  test.each<['text' | 'bytes', unknown, string]>([
    ['text', '\ud83d', 'the text contains a lone surrogate, which UTF-8 cannot carry.'],
    ['text', 'a\udc00b', 'the text contains a lone surrogate, which UTF-8 cannot carry.'],
    ['text', 5, 'the text codec takes a string, got number.'],
    ['text', Buffer.from('x'), 'the text codec takes a string, got object.'],
    ['bytes', 'x', 'the bytes codec takes a Buffer or a Uint8Array, got string.'],
    ['bytes', { type: 'Buffer', data: [1] }, 'the bytes codec takes a Buffer or a Uint8Array, got object.'],
    ['bytes', new Float64Array(1), 'the bytes codec takes a Buffer or a Uint8Array, got object.'],
  ])('the %s codec refuses %p', (codec, payload, message) => {
    expect(refusal(codec, payload)).toBe(message);
  });
});

describe('the codec of a payload', () => {
  const encode = (codecs: Codecs, payload: unknown, asked?: Codec | 'json') =>
    codecs.encode('order.placed', payload, asked).codec.contentType;

  test('is the one asked for, else the module’s; JSON if nobody says anything', () => {
    expect(encode(new Codecs(), 'x')).toBe('application/json');
    expect(encode(new Codecs('text'), 'x')).toBe('text/plain');
    expect(encode(new Codecs(csv), ROWS)).toBe('text/csv; header=absent');
    expect(encode(new Codecs(csv), ROWS, 'json')).toBe('application/json');
  });

  test('is bytes for bytes, which travel as they are, unless one is asked for', () => {
    const bytes = Buffer.from([0, 255, 128, 10]);
    const { body, codec } = new Codecs('json').encode('order.placed', bytes);
    expect([body.equals(bytes), body.buffer === bytes.buffer]).toEqual([true, true]);
    expect(codec.contentType).toBe('application/octet-stream');
    const view = new Uint8Array(new Uint8Array([9, 1, 2, 3, 9]).buffer, 1, 3);
    expect(new Codecs('msgpack').encode('order.placed', view).body).toEqual(Buffer.from([1, 2, 3]));
    expect(encode(new Codecs(), bytes, 'json')).toBe('application/json');
  });

  test('may be anything that makes bytes, and is told when it does not', () => {
    const broken = (result: unknown): Codec => ({ ...csv, encode: () => result as Uint8Array });
    expect(() => encode(new Codecs(), ROWS, broken('text'))).toThrow(
      'the codec made "text" of it, not bytes.',
    );
    expect(() => encode(new Codecs(), ROWS, broken(undefined))).toThrow('made undefined of it, not bytes.');
    expect(() => encode(new Codecs(), 7, csv)).toThrow('rows.map is not a function.');
  });

  test.each([
    [{ contentType: 'a/b', encode() {}, decode() {} }, true],
    [{ contentType: 'text/csv; header=present', encode() {}, decode() {} }, true],
    [
      new (class {
        contentType = 'application/x-protobuf';
        encode() {}
        decode() {}
      })(),
      true,
    ],
    [{ contentType: '', encode() {}, decode() {} }, false],
    [{ contentType: 'protobuf', encode() {}, decode() {} }, false],
    [{ contentType: `a/${'b'.repeat(254)}`, encode() {}, decode() {} }, false],
    [{ contentType: 'a/b', encode() {} }, false],
    ['json', false],
    [null, false],
  ])('%o is a codec: %p', (value, expected) => {
    expect(isCodec(value)).toBe(expected);
  });
});

describe('a message', () => {
  const codecs = new Codecs('json', [csv]);
  const text = Buffer.from('{"a":1}');

  test.each([
    'application/json',
    'APPLICATION/JSON; charset=utf-8',
    'application/json;charset="UTF-8"',
    'application/vnd.acme.order+json',
    'application/cloudevents+json; charset=us-ascii',
    undefined,
  ])('is read as JSON when its content type is %p', (contentType) => {
    expect(codecs.decode(text, contentType)).toEqual({ a: 1 });
  });

  test.each(['application/msgpack', 'application/x-msgpack', 'application/vnd.acme.order+msgpack'])(
    'is read as MessagePack when its content type is %p',
    (contentType) => {
      expect(codecs.decode(Buffer.from('81a16101', 'hex'), contentType)).toEqual({ a: 1 });
    },
  );

  test.each(['text/plain', 'text/plain; charset=utf-8', 'text/html', 'text/markdown'])(
    'is read as text when its content type is %p',
    (contentType) => {
      expect(codecs.decode(text, contentType)).toBe('{"a":1}');
    },
  );

  test.each(['application/octet-stream', 'application/pdf', 'image/svg+xml', 'json', '', ';'])(
    'stays a Buffer when its content type is %p',
    (contentType) => {
      expect(codecs.decode(text, contentType)).toBe(text);
    },
  );

  test('is read by a codec of the application, whatever its parameters', () => {
    const body = Buffer.from('a,b\nc,d');
    for (const contentType of ['text/csv', 'TEXT/CSV; charset=utf-8', 'text/csv; header=absent']) {
      expect(codecs.decode(body, contentType)).toEqual(ROWS);
    }
    expect(new Codecs(csv).decode(body, 'text/csv')).toEqual(ROWS);
    expect(new Codecs().decode(body, 'text/csv')).toBe('a,b\nc,d');
  });

  test('is read by the application’s codec rather than by ours', () => {
    const ours: Codec = {
      contentType: 'application/json',
      encode: () => Buffer.from('1'),
      decode: () => 'own',
    };
    expect(new Codecs('json', [ours]).decode(text)).toBe('own');
    expect(new Codecs('json', [ours]).decode(text, 'application/vnd.acme+json')).toEqual({ a: 1 });
  });

  test('is read in the charset it says', () => {
    const latin = Buffer.from('{"name":"größe"}', 'latin1');
    expect(codecs.decode(latin, 'application/json; charset=iso-8859-1')).toEqual({ name: 'größe' });
    expect(codecs.decode(Buffer.from('größe', 'utf16le'), 'text/plain;charset="utf-16le"')).toBe('größe');
    expect(codecs.decode(latin, 'application/octet-stream; charset=binary')).toBe(latin);
  });

  test.each<[string, Buffer, string | undefined, RegExp]>([
    ['is no JSON', Buffer.from('not json'), undefined, /decoded as application\/json: Unexpected token/],
    ['is empty', Buffer.alloc(0), 'application/json', /decoded as application\/json: Unexpected end/],
    ['is cut off', Buffer.from('{'), 'application/a+json', /decoded as application\/a\+json: /],
    ['is no MessagePack', Buffer.from([0xc1, 1]), 'application/msgpack', /decoded as application\/msgpack: /],
    ['goes on too long', Buffer.from([1, 2]), 'application/msgpack', /decoded as application\/msgpack: /],
    ['is in a charset nobody knows', text, 'text/plain; charset=klingon', /"klingon" encoding/],
  ])('that %s is refused, keeping the reason', (_, body, contentType, reason) => {
    const decode = () => codecs.decode(body, contentType);
    expect(decode).toThrow(UndecodableMessageError);
    expect(decode).toThrow(/^The message body cannot be decoded as /);
    expect(decode).toThrow(reason);
  });
});
