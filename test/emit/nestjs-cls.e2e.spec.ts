import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createPlayground, type Playground } from '../support/outbox-app.js';

let playground: Playground;
let results: Record<string, { rows: string[]; wakeUps: number; error: string | null }>;

beforeAll(async () => {
  playground = await createPlayground();
  const script = new URL('./fixtures/nestjs-cls-transactions.mjs', import.meta.url).pathname;
  const env = {
    ...process.env,
    DATABASE_URL: playground.databaseUrl,
    RABBITMQ_URL: playground.rabbitUrl,
    OUTBOX_TEST_SCHEMA: playground.name,
  };
  const { stdout } = await promisify(execFile)(process.execPath, [script], { env });
  results = JSON.parse(stdout) as typeof results;
});

afterAll(() => playground?.close());

const situations = [
  ['commit', 'a commit leaves the event and wakes the relay once', ['a.one'], 1, null],
  ['rollback', 'an error after the emit leaves nothing and wakes nobody', [], 0, 'Refused'],
  ['nested', 'a nested transaction commits with the outer one', ['a.outer', 'a.inner'], 1, null],
  ['nestedRollback', 'a nested transaction is gone when the outer one rolls back', [], 0, 'Refused'],
  ['savepointRollback', 'a savepoint that is rolled back takes its events with it', ['a.outer'], 1, null],
  ['onlySavepointRollback', 'and their wake-up', [], 0, null],
  ['aggregate', 'the events of an aggregate are written before the commit', ['a.raised'], 1, null],
  ['aggregateRollback', 'and not when it rolls back', [], 0, 'Refused'],
  ['suspended', 'withoutTransaction() really is without one', [], 0, 'TransactionRequiredError'],
  ['outside', 'without a transaction nothing is written', [], 0, 'TransactionRequiredError'],
] as const;

test.each(situations)('@nestjs-cls/transactional, %s: %s', (name, _promise, rows, wakeUps, error) => {
  expect(results[name]).toEqual({ rows, wakeUps, error });
});
