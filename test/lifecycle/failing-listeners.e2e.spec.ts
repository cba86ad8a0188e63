import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';

const FIXTURE = fileURLToPath(new URL('fixtures/failing-listeners.mjs', import.meta.url));

describe('a listener that fails', () => {
  test('ends neither the process nor the others, however it listens, and is logged once', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [FIXTURE]);
    const { last, warnings } = JSON.parse(stdout) as { last: number; warnings: string[] };
    expect(last).toBe(2);
    for (const listener of [
      'a subscriber that was there first',
      'a subscriber',
      'an async subscriber',
      'an observer',
      'an observer object',
      'an observer behind operators',
      'an operator',
    ]) {
      expect(warnings.filter((text) => text.endsWith(`Error: ${listener}`))).toHaveLength(1);
    }
  });
});
