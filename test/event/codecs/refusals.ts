import { expect } from '@jest/globals';
import { UnserializablePayloadError } from '../../../lib/errors/unserializable-payload.error.js';
import type { CodecName } from '../../../lib/event/codec.js';
import { Codecs } from '../../../lib/event/codecs/codecs.js';

const codecs = new Codecs();

/** What a codec makes of a payload, on the way there and back. */
export function roundTrip(codec: CodecName, payload: unknown): unknown {
  const encoded = codecs.encode('order.placed', payload, codec);
  return codecs.decode(encoded.body, encoded.codec.contentType);
}

/** The message a payload is refused with, without what every refusal says. */
export function refusal(codec: CodecName, payload: unknown): string {
  const sentence = 'Cannot emit "order.placed": its payload cannot be encoded: ';
  try {
    codecs.encode('order.placed', payload, codec);
  } catch (error) {
    expect(error).toBeInstanceOf(UnserializablePayloadError);
    expect(error).toMatchObject({ code: 'OUTBOX_UNSERIALIZABLE_PAYLOAD', cause: expect.anything() });
    expect((error as Error).message.slice(0, sentence.length)).toBe(sentence);
    return (error as Error).message.slice(sentence.length);
  }
  throw new Error('was not refused');
}

/** What arrives of a payload, or that it was refused. Any other error is a bug. */
export function attempt(codec: CodecName, payload: unknown): { arrived: unknown } | 'refused' {
  try {
    return { arrived: roundTrip(codec, payload) };
  } catch (error) {
    if (error instanceof UnserializablePayloadError) return 'refused';
    throw error;
  }
}

export class Money {
  constructor(
    readonly amount: number,
    readonly currency: string,
  ) {}
}

export class Order {
  readonly #secret = 'not a field';
  readonly total = new Money(5, 'EUR');
  readonly note = undefined;
  readonly compute = () => this.#secret;
  get label() {
    return this.#secret;
  }
}

/** As an entity with a relation back to its owner, and a `toJSON()` that leaves it out. */
export class Line {
  readonly owner: unknown = { lines: [this] };
  toJSON() {
    return { sku: 'A1' };
  }
}

export const circular: Record<string, unknown> = { name: 'loop' };
circular['self'] = circular;

/** The same object twice is no circle. */
const money = new Money(1, 'EUR');
export const shared = { net: money, gross: money };

/** Built-in objects that a serialiser sees nothing in. */
export const hollowObjects: ReadonlyArray<[what: string, value: object, advice: string]> = [
  ['a Map', new Map([['a', 1]]), 'is a Map, which would arrive empty; convert it to plain data first.'],
  ['a Set', new Set([1]), 'is a Set, which would arrive empty; convert it to plain data first.'],
  [
    'an Error',
    new RangeError('x'),
    'is a RangeError, which would arrive empty; convert it to plain data first.',
  ],
  ['a RegExp', /x/, 'is a RegExp, which would arrive empty; convert it to plain data first.'],
  [
    'an ArrayBuffer',
    new ArrayBuffer(2),
    'is an ArrayBuffer, which would arrive empty; convert it to plain data first.',
  ],
  ['a forgotten await', Promise.resolve(1), 'is a Promise, which would arrive empty; await it first.'],
];
