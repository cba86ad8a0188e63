import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { durationText, LONGEST_DURATION, milliseconds } from '../../lib/policy/duration.js';

describe('milliseconds', () => {
  test.each([
    [0, 0],
    [1500, 1500],
    [1.4, 1],
    ['0s', 0],
    ['250ms', 250],
    ['5s', 5_000],
    ['1.5s', 1_500],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1d2h3m4s5ms', 93_784_005],
    ['7d', 604_800_000],
  ])('reads %p as %p ms', (duration, ms) => {
    expect(milliseconds(duration)).toBe(ms);
  });

  test.each([
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '',
    ' ',
    '5',
    '5 s',
    '-5s',
    '5S',
    's',
    '5sec',
    '1h 30m',
    '5s!',
    '.5s',
    '5.s',
    '1e3s',
    '5s\n',
    '9'.repeat(400) + 's',
  ])('refuses %p with an example of what is right', (duration) => {
    expect(() => milliseconds(duration)).toThrow(
      new RangeError("must be a duration such as 1500, '250ms', '5s' or '1h30m'"),
    );
  });

  test.each([undefined, null, true, {}, [], ['5s'], 5n, Symbol('5s')])(
    'refuses %p, which only JavaScript lets through',
    (value) => {
      expect(() => milliseconds(value as never)).toThrow(RangeError);
    },
  );

  test('goes up to ten years, which is as far as RabbitMQ goes', () => {
    expect(milliseconds('3650d')).toBe(315_360_000_000);
    expect(() => milliseconds('3651d')).toThrow(new RangeError("must be a duration of at most '3650d'"));
    expect(() => milliseconds(Number.MAX_SAFE_INTEGER)).toThrow(RangeError);
  });

  test('reads hostile text in no time', () => {
    const started = performance.now();
    expect(() => milliseconds('1'.repeat(100_000) + 'x')).toThrow(RangeError);
    expect(() => milliseconds('1m'.repeat(50_000) + 'x')).toThrow(RangeError);
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe('durationText', () => {
  test.each([
    [0, '0s'],
    [1, '1ms'],
    [1_000, '1s'],
    [90_000, '1m30s'],
    [604_800_000, '7d'],
    [93_784_005, '1d2h3m4s5ms'],
  ])('writes %p ms as %p', (ms, text) => {
    expect(durationText(ms)).toBe(text);
  });

  test('is read back as the same number of milliseconds', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: LONGEST_DURATION }),
        (ms) => milliseconds(durationText(ms)) === ms,
      ),
    );
  });
});
