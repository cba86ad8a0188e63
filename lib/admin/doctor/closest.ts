import { matchesPattern } from '../../event/pattern.js';

/** Of all types, the one that is most like a pattern which matches none of them. */
export interface Likeness {
  readonly type: string;
  /** The pattern was probably meant to match it. Otherwise it merely begins alike, as events of one subject do. */
  readonly isSlip: boolean;
}

export function closest(pattern: string, types: readonly string[]): Likeness | undefined {
  const [first = ''] = pattern.split('.');
  const slips = types.filter((type) => isSlip(pattern, type));
  const begins = types.filter((type) => type.split('.')[0] === first && !/[*#]/.test(first));
  const nearest = (one: string, other: string) => distance(pattern, one) - distance(pattern, other);
  const [type] = (slips.length > 0 ? slips : begins).toSorted(nearest);
  return type === undefined ? undefined : { type, isSlip: slips.length > 0 };
}

/** So many letters of a type, and one may be wrong; and how many may be at most. */
const LETTERS_PER_SLIP = 4;
const MOST_SLIPS = 2;

/** A letter wrong, or more words or fewer than a "*" stands for. Versions of one type are no slips of each other. */
function isSlip(pattern: string, type: string): boolean {
  if (pattern.includes('*') && matchesPattern(pattern.replaceAll('*', '#'), type)) return true;
  if (withoutNumbers(pattern) === withoutNumbers(type)) return false;
  return distance(pattern, type) <= Math.min(MOST_SLIPS, Math.floor(type.length / LETTERS_PER_SLIP));
}

const withoutNumbers = (text: string) => text.replace(/\d+/g, '0');

/** Letters to be added, left out or changed (Levenshtein). */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [i, letter] of Array.from(one).entries()) {
    const next = [i + 1];
    for (const [j, theirs] of Array.from(other).entries())
      next.push(
        Math.min(
          (row[j] as number) + (letter === theirs ? 0 : 1),
          (row[j + 1] as number) + 1,
          (next[j] as number) + 1,
        ),
      );
    row = next;
  }
  return row[other.length] as number;
}
