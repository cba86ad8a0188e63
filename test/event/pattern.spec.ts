import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  matchesPattern,
  patternExpression,
  patternProblem,
  patternsOverlap,
} from '../../lib/event/pattern.js';

test('patternExpression() says of a type with a dot behind it what matchesPattern() says of the type', () => {
  const [patterns, types] = [words('order', 'a+b', '*', '#'), words('order', 'a+b', 'ab', 'x')];
  fc.assert(
    fc.property(patterns, types, (pattern, type) => {
      const [one, other] = [pattern.join('.'), type.join('.')];
      return new RegExp(patternExpression(one)).test(`${other}.`) === matchesPattern(one, other);
    }),
    { numRuns: 2_000 },
  );
});

describe('matchesPattern', () => {
  test.each([
    ['order.placed', 'order.placed', true],
    ['order.placed', 'order.paid', false],
    ['order.placed', 'Order.placed', false],
    ['order', 'order.placed', false],
    ['order.placed', 'order', false],
    ['*', 'order', true],
    ['*', 'order.placed', false],
    ['order.*', 'order.placed', true],
    ['order.*', 'order', false],
    ['order.*', 'order.line.added', false],
    ['*.placed', 'order.placed', true],
    ['*.created.*', 'a.created.b', true],
    ['*.created.*', 'created.b', false],
    ['#', 'order', true],
    ['#', 'a.b.c.d', true],
    ['order.#', 'order', true],
    ['order.#', 'order.line.added', true],
    ['order.#', 'orders', false],
    ['#.created', 'created', true],
    ['#.created', 'a.b.created', true],
    ['#.created', 'a.created.b', false],
    ['a.#.z', 'a.z', true],
    ['a.#.z', 'a.b.c.z', true],
    ['a.#.z', 'a.b.c', false],
    ['#.*', 'a', true],
    ['*.#', 'a', true],
    ['*.#.*', 'a', false],
    ['*.#.*', 'a.b', true],
    ['#.#', 'a', true],
    ['#.a.#.a.#', 'a', false],
    ['#.a.#.a.#', 'x.a.y.a.z', true],
  ])('%p on %p is %p', (pattern, type, matches) => {
    expect(matchesPattern(pattern, type)).toBe(matches);
  });

  test('agrees with the definition on every pattern and type', () => {
    fc.assert(
      fc.property(patterns, types, (pattern, type) => matchesPattern(pattern, type) === naive(pattern, type)),
      { numRuns: 20_000 },
    );
  });

  test('stays fast on patterns made to be slow', () => {
    const started = performance.now();
    const type = Array(120).fill('a').join('.');
    expect(matchesPattern(`${Array(60).fill('#.a').join('.')}.b`, type)).toBe(false);
    expect(matchesPattern(`${Array(60).fill('#.*').join('.')}.b`, type)).toBe(false);
    expect(matchesPattern(Array(120).fill('#').join('.'), type)).toBe(true);
    expect(patternsOverlap(Array(60).fill('#.a').join('.'), `${Array(60).fill('#.*').join('.')}.b`)).toBe(
      false,
    );
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe('patternsOverlap', () => {
  test.each([
    ['order.*', '*.placed', true],
    ['order.*', 'invoice.*', false],
    ['order.*', 'order.*.*', false],
    ['order.#', '#.placed', true],
    ['a.#.b', 'a.b', true],
    ['a.#.b', 'b.#.a', false],
    ['#', 'x', true],
    ['*', '#.a.#', true],
  ])('%p and %p: %p', (one, other, overlap) => {
    expect(patternsOverlap(one, other)).toBe(overlap);
  });

  test('is symmetric', () => {
    fc.assert(
      fc.property(patterns, patterns, (a, b) => patternsOverlap(a, b) === patternsOverlap(b, a)),
      { numRuns: 5_000 },
    );
  });

  test('holds exactly if some type matches both', () => {
    // Words of the patterns and one of neither; as long as both patterns can need: a shortest common type has no more
    // words than they have together.
    const small = fc.array(fc.constantFrom('a', 'b', '*', '#'), { minLength: 1, maxLength: 3 });
    const every = [1, 2, 3, 4, 5, 6].flatMap((length) => typesOf(['a', 'b', 'x'], length));
    fc.assert(
      fc.property(small, small, (one, other) => {
        const [a, b] = [one.join('.'), other.join('.')];
        return patternsOverlap(a, b) === every.some((type) => naive(a, type) && naive(b, type));
      }),
      { numRuns: 300 },
    );
  });
});

describe('patternProblem', () => {
  test.each(['a', 'order.placed', '*', '#', 'a.*.#', '#.*.#', 'x'.repeat(255)])(
    'has nothing against %p',
    (pattern) => {
      expect(patternProblem(pattern)).toBeUndefined();
    },
  );

  test.each([
    [undefined, 'a pattern must be a non-empty string'],
    [42, 'a pattern must be a non-empty string'],
    ['', 'a pattern must be a non-empty string'],
    ['order..placed', 'the pattern "order..placed" has an empty word'],
    ['order.', 'the pattern "order." has an empty word'],
    ['order.**', 'the pattern "order.**" uses "**"; for any number of words write "#"'],
    ['order*', 'the pattern "order*" has "order*": "*" and "#" stand for whole words'],
    ['a.#b', 'the pattern "a.#b" has "#b": "*" and "#" stand for whole words'],
    ['y'.repeat(256), `the pattern "${'y'.repeat(40)}…" is longer than 255 bytes`],
  ])('says what is wrong with %p', (pattern, problem) => {
    expect(patternProblem(pattern)).toBe(problem);
  });
});

const words = (...values: string[]) => fc.array(fc.constantFrom(...values), { minLength: 1, maxLength: 6 });
const patterns = words('a', 'b', 'c', '*', '#').map((list) => list.join('.'));
const types = words('a', 'b', 'c').map((list) => list.join('.'));

/** The definition, word for word: slow, and plain to see right. */
function naive(pattern: string, type: string): boolean {
  const match = (p: string[], t: string[]): boolean => {
    const [word, ...rest] = p;
    if (word === undefined) return t.length === 0;
    if (word === '#') return t.some((_, skip) => match(rest, t.slice(skip))) || match(rest, []);
    return t.length > 0 && (word === '*' || word === t[0]) && match(rest, t.slice(1));
  };
  return match(pattern.split('.'), type.split('.'));
}

function typesOf(alphabet: readonly string[], length: number): string[] {
  if (length === 1) return [...alphabet];
  return typesOf(alphabet, length - 1).flatMap((type) => alphabet.map((word) => `${type}.${word}`));
}
