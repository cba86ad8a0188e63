import { describe, expect, test } from '@jest/globals';
import type { DataSource, QueryRunner } from 'typeorm';
import { PostgresInbox } from '../../lib/store/postgres/postgres-inbox.js';
import { tables } from '../../lib/store/postgres/tables.js';
import { inboxContract } from './inbox-contract.js';
import { postgresInboxFixture } from './postgres-fixture.js';

inboxContract('PostgreSQL', postgresInboxFixture);

describe('a transaction on PostgreSQL', () => {
  const inbox = new PostgresInbox({} as DataSource, tables());
  const transaction = (client: object, answer: () => Promise<unknown>) =>
    ({ connect: () => Promise.resolve(client), query: answer }) as unknown as QueryRunner;
  const aborted = () => Promise.reject(Object.assign(new Error('aborted'), { code: '25P02' }));

  test('is spoilt by a statement whose error has come, though the end of the answer has not', async () => {
    const client = { getTransactionStatus: () => 'T', readyForQuery: false };
    expect(await inbox.isSpoilt(transaction(client, aborted))).toBe(true);
    expect(await inbox.isSpoilt(transaction(client, () => Promise.resolve([])))).toBe(false);
  });

  test.each([
    ['E', true],
    ['T', false],
  ])('is known by the status %s that the driver has heard', async (status, spoilt) => {
    const client = { getTransactionStatus: () => status, readyForQuery: true };
    const never = () => Promise.reject(new Error('not to be asked'));
    expect(await inbox.isSpoilt(transaction(client, never))).toBe(spoilt);
  });
});
