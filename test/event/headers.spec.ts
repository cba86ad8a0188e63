import { describe, expect, test } from '@jest/globals';
import { InvalidEventOptionError } from '../../lib/errors/invalid-event-option.error.js';
import { assertHeaders, HEADER } from '../../lib/event/headers.js';

const refusal = (headers: unknown): unknown => {
  try {
    assertHeaders('order.placed', headers);
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('headers', () => {
  test.each([
    {},
    { tenant: 'acme', retries: 3, ratio: 0.5, negative: -7, urgent: true },
    { empty: '' },
    { 'X_not-x': 'fine', outbox: 'fine', cc: 'fine', größe: 'fine' },
    { 'a\0b': 'NUL \0 travels as JSON' },
    { large: 'x'.repeat(48_000) },
    { big: 2 ** 62, huge: 1e300, least: -(2 ** 63) },
    { ['n'.repeat(255)]: 1 },
  ])('may be %j', (headers) => {
    expect(refusal(headers)).toBeUndefined();
  });

  test.each([null, 'a=b', 42, ['a'], [['a', 'b']]])('must be an object, not %j', (headers) => {
    const error = refusal(headers) as Error;
    expect(error).toBeInstanceOf(InvalidEventOptionError);
    expect(error.message).toMatch(
      /^Cannot emit "order\.placed": option headers must be an object of strings, numbers and booleans, got /,
    );
  });

  test.each([
    ['an object', { nested: { a: 1 } }, 'got {"a":1}'],
    ['a list', { list: [1, 2] }, 'got [1,2]'],
    ['null', { nothing: null }, 'got null'],
    ['undefined', { missing: undefined }, 'got undefined'],
    ['a Date', { at: new Date(0) }, 'got 1970-01-01T00:00:00.000Z'],
    ['a Buffer', { bytes: Buffer.from('x') }, 'got a Buffer'],
    ['a BigInt', { big: 5n }, 'got 5n'],
    ['NaN', { ratio: Number.NaN }, 'got NaN'],
    ['Infinity', { ratio: Infinity }, 'got Infinity'],
    ['a number AMQP has no form for', { ratio: -1e300 }, 'got -1e+300'],
    ['a function', { fn: () => 1 }, 'got a function'],
    ['a symbol', { sign: Symbol('s') }, 'got Symbol(s)'],
  ])('must not have %s for a value', (_, headers, got) => {
    const error = refusal(headers) as Error;
    expect(error).toBeInstanceOf(InvalidEventOptionError);
    expect(error.message).toContain(`option headers.${Object.keys(headers)[0]} must be a string, a boolean`);
    expect(error.message).toContain(got);
  });

  test.each([{ half: '\ud83d' }, { '\udc00': 'x' }])('must not hold half a surrogate pair: %j', (headers) => {
    const error = refusal(headers) as Error;
    expect(error).toBeInstanceOf(InvalidEventOptionError);
    expect(error.message).toContain('must not contain half a surrogate pair, which UTF-8 cannot carry');
  });

  test.each([
    'x-death',
    'X-Delay',
    'outbox-key',
    'Outbox-Anything',
    '',
    'n'.repeat(256),
    'CC',
    'BCC',
    ...Object.values(HEADER),
  ])('must not be named %p', (name) => {
    const error = refusal({ [name]: 'value' }) as Error;
    expect(error).toBeInstanceOf(InvalidEventOptionError);
    expect(error.message).toMatch(/option headers must/);
  });

  test('must stay small enough for a frame, with room for the headers of a dead letter', () => {
    const error = refusal({ a: 'x'.repeat(30_000), b: 'x'.repeat(30_000) }) as Error;
    expect(error).toBeInstanceOf(InvalidEventOptionError);
    expect(error.message).toMatch(/must stay below 49152 bytes, got 600\d\d\./);
  });

  test('of ours never begin with "x-", which brokers own', () => {
    expect(Object.values(HEADER).filter((name) => !name.startsWith('outbox-'))).toEqual([]);
  });
});
