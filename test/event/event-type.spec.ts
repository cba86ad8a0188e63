import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { InvalidEventTypeError } from '../../lib/errors/invalid-event-type.error.js';
import { assertEventType } from '../../lib/event/event-type.js';
import { matchesPattern } from '../../lib/event/pattern.js';

const refusal = (type: unknown): unknown => {
  try {
    assertEventType(type);
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('an event type', () => {
  test.each(['a', 'order.placed', 'Order.Placed.v2', 'a-b_c:d/e', 'größe.geändert', '订单.已创建', '👍'])(
    'may be %p',
    (type) => {
      expect(refusal(type)).toBeUndefined();
    },
  );

  test('may be as long as a routing key can be, and no longer: 255 bytes', () => {
    expect(refusal('a'.repeat(255))).toBeUndefined();
    expect(refusal('é'.repeat(127))).toBeUndefined();
    expect(refusal('a'.repeat(256))).toBeInstanceOf(InvalidEventTypeError);
    expect(refusal('é'.repeat(128))).toBeInstanceOf(InvalidEventTypeError);
  });

  test.each([
    [undefined, /undefined is not a legal event type: it must be a string/],
    [null, /null is not/],
    [42, /42 is not/],
    [{}, /it must be a string/],
    [Symbol('order.placed'), /it must be a string/],
    [Object.create(null), /it must be a string/],
    ['', /"" is not a legal event type: it is empty/],
    ['.', /empty word/],
    ['.order', /empty word/],
    ['order.', /empty word/],
    ['order..placed', /empty word/],
    ['order.*', /"\*" and "#" belong to patterns/],
    ['order.#', /belong to patterns/],
    ['order#1', /belong to patterns/],
    ['order placed', /white space/],
    ['order\tplaced', /white space/],
    ['order\nplaced', /white space/],
    ['order\u00a0placed', /white space/],
    ['order\0placed', /control characters/],
    ['order\u007f', /control characters/],
    ['order.\ud800', /half a surrogate pair/],
    ['x'.repeat(300), /longer than 255 bytes/],
  ])('must not be %p', (type, message) => {
    const error = refusal(type) as InvalidEventTypeError;
    expect(error).toBeInstanceOf(InvalidEventTypeError);
    expect(error).toMatchObject({ code: 'OUTBOX_INVALID_EVENT_TYPE', name: 'InvalidEventTypeError' });
    expect(error.message).toMatch(message);
    expect(error.message).toContain("'order.placed'");
    expect(error.message.length).toBeLessThan(300);
  });

  test('that is accepted matches itself as a pattern, word by word, and reaches the broker unchanged', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), (type) => {
        if (refusal(type)) return true;
        const words = type.split('.');
        return (
          matchesPattern(type, type) &&
          matchesPattern(words.map(() => '*').join('.'), type) &&
          Buffer.from(type).toString() === type
        );
      }),
      { numRuns: 2_000 },
    );
  });
});
