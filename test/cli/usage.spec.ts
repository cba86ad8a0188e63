import { describe, expect, test } from '@jest/globals';
import { cli } from './cli.js';

const NOBODY_THERE = ['--database-url', 'postgres://nobody@127.0.0.1:1/nothing'];

describe('the exit code', () => {
  test.each([
    ['0 for help', ['--help'], 0],
    ['0 for the help of a command', ['status', '--help'], 0],
    ['2 for a command that does not exist', ['dance'], 2],
    ['2 for no command', [], 2],
    ['2 for an option that does not exist', ['status', '--speed', '9'], 2],
    ['2 for an option without its value', ['status', '--database-url'], 2],
    ['2 if nothing says where the database is', ['status'], 2],
    ['2 for two answers to that', ['status', ...NOBODY_THERE, '-d', 'data-source.js'], 2],
    ['2 for what is no URL', ['status', '--database-url', 'localhost'], 2],
    ['2 for a database of another kind', ['status', '--database-url', 'mysql://localhost/shop'], 2],
    ['2 for a name that is none', ['status', ...NOBODY_THERE, '--table', 'a table'], 2],
    ['2 for a file that is not there', ['status', '-d', '/nowhere/data-source.js'], 2],
    ['3 for a database that cannot be reached', ['status', ...NOBODY_THERE], 3],
  ])('is %s', async (_what, args, code) => {
    const outcome = await cli(args);
    expect(outcome.code).toBe(code);
    expect(code === 0 ? outcome.stdout : outcome.stderr).not.toBe('');
  });
});

describe('an error', () => {
  test('is for people, on stderr', async () => {
    expect(await cli(['status'])).toMatchObject({
      stdout: '',
      stderr: expect.stringMatching(/^error: Where is the database\? Give -d, --data-source <file>, or/),
    });
  });

  test('is JSON with --json, on stderr, too, with the code of the error if it has one', async () => {
    const { stdout, stderr } = await cli(['status', '--json', ...NOBODY_THERE]);
    expect(stdout).toBe('');
    expect(JSON.parse(stderr)).toEqual({ error: { message: expect.stringContaining('ECONNREFUSED') } });
    const wrong = await cli(['status', '--json'], { env: { OUTBOX_TABLE: 'a table' } });
    expect(JSON.parse(wrong.stderr)).toMatchObject({ error: { code: 'OUTBOX_INVALID_OPTION' } });
  });

  test('shows no password', async () => {
    const { stderr } = await cli(['status', '--database-url', 'postgres://me:s3cret@127.0.0.1:1/nothing']);
    expect(stderr).not.toContain('s3cret');
  });
});
