import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { repository } from '../docs/documents.js';
import { DEFECTS } from './defects.js';

/** Titles with their quotes as sources have them; without comments, and the formatter's line breaks taken out. */
const sourceOf = (file: string): string =>
  readFileSync(path.join(repository, file), 'utf8')
    .replace(/^\s*\/\/.*$/gm, '')
    .replaceAll('\\', '')
    .replace(/\s+/g, ' ');

/** What stands before the title in a test that runs: the beginning of `test(…` or of the second call of `test.each(…)(…`. */
const RUNS = /(\btest|\))\( ?['"`][^'"`]*$/;

test.each(DEFECTS)('$peer: $defect. Not here: "$title"', ({ file, title }) => {
  const source = sourceOf(file);
  expect(source).not.toMatch(/\b(test|describe)\.(skip|todo|failing)\b|\bx(test|describe)\b/);
  const starts = source.split(title).slice(0, -1);
  expect(starts.filter((start) => RUNS.test(start))).toHaveLength(1);
});

test('every package is accounted for', () => {
  const peers = new Set(DEFECTS.map(({ peer }) => peer));
  expect(peers.size).toBe(4);
  expect(new Set(DEFECTS.map(({ defect }) => defect)).size).toBe(DEFECTS.length);
});
