import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { createPlayground, type Playground } from '../support/outbox-app.js';
import { cli } from './cli.js';

let playground: Playground;
let at: string[];

beforeAll(async () => {
  playground = await createPlayground();
  at = ['--database-url', playground.databaseUrl, '--schema', playground.name];
  await cli(['migrate', ...at]);
});
afterAll(() => playground?.close());

beforeEach(async () => {
  const { name } = playground;
  await playground.sql(`TRUNCATE ${name}.outbox, ${name}.outbox_inbox`);
  await playground.sql(`INSERT INTO ${name}.outbox (id, lane, state, type, payload, content_type, created_at, published_at)
    SELECT gen_random_uuid(), 0, state, 'order.placed', '{}', 'application/json', now() - age, CASE WHEN state = 'published' THEN now() - age END
    FROM (VALUES ('published', interval '8 days'), ('dead', interval '8 days'), ('pending', interval '8 days'),
      ('published', interval '9 days'), ('published', interval '2 days'), ('published', interval '1 hour')) AS v (state, age)`);
  await playground.sql(`INSERT INTO ${name}.outbox_inbox (consumer, event_id, handled_at)
    VALUES ('shop', 'old', now() - interval '31 days'), ('shop', 'young', now())`);
});

const left = async () => {
  const [row] = await playground.sql<{ events: number; inbox: number }>(
    `SELECT (SELECT count(*) FROM ${playground.name}.outbox)::int AS events, (SELECT count(*) FROM ${playground.name}.outbox_inbox)::int AS inbox`,
  );
  return row;
};
const prune = (...args: string[]) => cli(['prune', ...at, ...args]);

test('deletes what is past its retention, and nothing that is pending, dead or younger', async () => {
  expect(await prune('--yes')).toEqual({
    code: 0,
    stdout: '2 events published more than 7d ago, and 1 entries of inboxes older than 30d were deleted.\n',
    stderr: '',
  });
  expect(await left()).toEqual({ events: 4, inbox: 1 });
  expect(await prune('--yes')).toMatchObject({ code: 0, stdout: 'There is nothing to prune.\n' });
});

test('takes a shorter retention, from the option or the environment', async () => {
  const { code, stdout } = await prune('--older-than', '1d', '--json', '--yes');
  expect([code, JSON.parse(stdout)]).toEqual([0, { events: 3, inbox: 1, dryRun: false, cancelled: false }]);
  const env = { OUTBOX_RETENTION: '10m' };
  expect((await cli(['prune', ...at, '--yes'], { env })).stdout).toMatch(
    /^1 events published more than 10m ago/,
  );
});

test('tells how many with --dry-run, asks a person, and refuses where nobody can be asked', async () => {
  expect((await prune('--dry-run')).stdout).toMatch(/^2 events .* would be deleted\.\n$/);
  expect(await prune()).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('give --yes') });
  expect(await cli(['prune', ...at], { answer: 'no' })).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/^Delete 2 events .*\? \[y\/N\] Nothing was pruned\.\n$/),
  });
  expect(await left()).toEqual({ events: 6, inbox: 2 });
  expect(await cli(['prune', ...at], { answer: 'y' })).toMatchObject({ code: 0 });
  expect(await left()).toEqual({ events: 4, inbox: 1 });
});

test('ends with 130 when it is interrupted, and with 2 for what is no duration', async () => {
  const aborted = new AbortController();
  aborted.abort();
  const outcome = await cli(['prune', ...at, '--yes', '--json'], { signal: aborted.signal });
  expect(outcome.code).toBe(130);
  expect(JSON.parse(outcome.stdout)).toMatchObject({ cancelled: true });
  expect(await prune('--older-than', 'soon')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('must be a duration'),
  });
});
