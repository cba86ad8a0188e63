/**
 * Topic patterns with RabbitMQ's meaning: words separated by dots, `*` is exactly one word, `#` zero or more words,
 * anywhere in the pattern. Source: https://www.rabbitmq.com/tutorials/amqp-concepts#exchange-topic
 */

/** What is wrong with a pattern, as the end of a sentence, or `undefined` when nothing is. */
export function patternProblem(pattern: unknown): string | undefined {
  if (typeof pattern !== 'string' || pattern === '') return 'a pattern must be a non-empty string';
  if (Buffer.byteLength(pattern) > 255)
    return `the pattern "${pattern.slice(0, 40)}…" is longer than 255 bytes`;
  for (const word of pattern.split('.')) {
    if (word === '') return `the pattern "${pattern}" has an empty word`;
    if (word === '**') return `the pattern "${pattern}" uses "**"; for any number of words write "#"`;
    if (word.length > 1 && /[*#]/.test(word)) {
      return `the pattern "${pattern}" has "${word}": "*" and "#" stand for whole words`;
    }
  }
  return undefined;
}

/** Whether the broker would route `type` to a queue bound with `pattern`. */
export function matchesPattern(pattern: string, type: string): boolean {
  return patternsOverlap(pattern, type);
}

/**
 * The pattern as a regular expression (POSIX and JavaScript alike), for types that have a dot put behind them: so each
 * word is followed by one, and `#` needs no exceptions.
 */
export function patternExpression(pattern: string): string {
  const words = pattern.split('.').map((word) => {
    if (word === '#') return '([^.]*\\.)*';
    return word === '*' ? '[^.]*\\.' : `${word.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}\\.`;
  });
  return `^${words.join('')}$`;
}

/**
 * Whether some type matches both patterns (a type is a pattern without wildcards). Walks all pairs of positions the
 * two can reach together, each at most once, so that hostile patterns of many `#` stay cheap.
 */
export function patternsOverlap(one: string, other: string): boolean {
  const a = one.split('.');
  const b = other.split('.');
  const seen = new Set<number>();
  const open: Array<[number, number]> = [[0, 0]];
  for (let pair = open.pop(); pair; pair = open.pop()) {
    const [i, j] = pair;
    if (i === a.length && j === b.length) return true;
    const mark = i * (b.length + 1) + j;
    if (seen.has(mark)) continue;
    seen.add(mark);
    open.push(...steps(a, i, b, j));
  }
  return false;
}

function steps(a: readonly string[], i: number, b: readonly string[], j: number): Array<[number, number]> {
  const next: Array<[number, number]> = [];
  if (a[i] === '#') next.push([i + 1, j]);
  if (b[j] === '#') next.push([i, j + 1]);
  if (i < a.length && j < b.length && sharesWord(a[i], b[j])) {
    next.push([a[i] === '#' ? i : i + 1, b[j] === '#' ? j : j + 1]);
  }
  return next;
}

const isWildcard = (word: string | undefined) => word === '*' || word === '#';
const sharesWord = (a: string | undefined, b: string | undefined) =>
  a === b || isWildcard(a) || isWildcard(b);
