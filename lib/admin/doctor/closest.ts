/** Of all types, one that the pattern was probably meant to match: it begins alike, or differs by a slip of the pen. */
export function closest(pattern: string, types: readonly string[]): string | undefined {
  const [first = ''] = pattern.split('.');
  const begins = types.filter((type) => type.split('.')[0] === first && !/[*#]/.test(first));
  const near = types.filter((type) => distance(pattern, type) <= 2);
  const candidates = [...new Set([...near, ...begins])];
  return candidates.sort((one, other) => distance(pattern, one) - distance(pattern, other))[0];
}

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
