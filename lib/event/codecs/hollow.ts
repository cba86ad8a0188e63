import { describeValue } from '../../errors/describe-value.js';

/** What they hold is no property of theirs: to a serialiser they look empty. A Promise is a forgotten `await`. */
const HOLLOW = [Map, Set, WeakMap, WeakSet, Promise, Error, RegExp, ArrayBuffer];

/** Said of a value that would arrive as `{}`, as the end of a sentence that begins with the value's place. */
export function hollow(value: object): string | undefined {
  if (!HOLLOW.some((kind) => value instanceof kind)) return undefined;
  const advice = value instanceof Promise ? 'await it' : 'convert it to plain data';
  return `is ${describeValue(value)}, which would arrive empty; ${advice} first`;
}
