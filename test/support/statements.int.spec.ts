import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { databaseUrl } from './services.js';
import { watchStatements } from './statements.mjs';
import { TcpProxy } from './tcp-proxy.mjs';

describe('statements, counted on the wire', () => {
  let proxy: TcpProxy;
  let client: pg.Client;
  let count: number;

  beforeEach(async () => {
    count = 0;
    proxy = await TcpProxy.start(databaseUrl(), () => ({
      client: watchStatements((executed) => (count += executed)),
    }));
    client = new pg.Client({ connectionString: proxy.url });
    await client.connect();
    count = 0;
  });
  afterEach(async () => {
    await client.end();
    await proxy.close();
  });

  test.each<[what: string, expected: number, work: () => Promise<unknown>]>([
    ['plain text', 1, () => client.query('SELECT 1')],
    ['several in one text', 3, () => client.query('BEGIN; SELECT 1; COMMIT;')],
    ['with parameters', 1, () => client.query('SELECT $1::int', [1])],
    [
      'prepared, twice',
      2,
      async () => {
        for (const value of [1, 2])
          await client.query({ name: 'same', text: 'SELECT $1::int', values: [value] });
      },
    ],
    [
      'longer than a packet',
      2,
      async () => {
        await client.query('SELECT $1::text', ['x'.repeat(3_000_000)]);
        await client.query(`SELECT '${'x'.repeat(3_000_000)}'`);
      },
    ],
  ])('%s: %i', async (_, expected, work) => {
    await work();
    expect(count).toBe(expected);
  });
});
