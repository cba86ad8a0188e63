import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { repository } from '../docs/documents.js';
import { DEFECTS } from './defects.js';

/** Titles with their quotes as sources have them, and line breaks of the formatter taken out. */
const sourceOf = (file: string): string =>
  readFileSync(path.join(repository, file), 'utf8').replaceAll('\\', '').replace(/\s+/g, ' ');

test.each(DEFECTS)('$peer: $defect. Not here: "$title"', ({ file, title }) => {
  expect(sourceOf(file)).toContain(title);
});

test('every package is accounted for', () => {
  const peers = new Set(DEFECTS.map(({ peer }) => peer));
  expect(peers.size).toBe(4);
  expect(new Set(DEFECTS.map(({ defect }) => defect)).size).toBe(DEFECTS.length);
});
