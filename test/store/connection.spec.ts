import { EventEmitter } from 'node:events';
import { expect, test } from '@jest/globals';
import type { QueryRunner } from 'typeorm';
import { Connection, type PostgresClient } from '../../lib/store/postgres/connection.js';

function lend() {
  const client = new EventEmitter();
  const runner = { release: () => Promise.resolve(), releasePostgresConnection: () => Promise.resolve() };
  const lost: string[] = [];
  const connection = new Connection(
    runner as unknown as QueryRunner,
    client as unknown as PostgresClient,
    1_000,
  );
  connection.onLost(({ message }) => lost.push(message));
  return { client, connection, lost };
}

test('leaves nothing behind on a client that goes back to its pool', async () => {
  const { client, connection } = lend();
  await connection.release();
  expect(client.eventNames()).toEqual([]);
});

test('tells once that it is lost', () => {
  const { client, lost } = lend();
  client.emit('error', new Error('terminated by an administrator'));
  client.emit('end');
  expect(lost).toEqual(['terminated by an administrator']);
});

test('tells, too, when it ends without an error', () => {
  const { client, lost } = lend();
  client.emit('end');
  expect(lost).toEqual(['The connection to the database has ended, or was lost.']);
});

test('is not lost when it is done with', async () => {
  const { client, connection, lost } = lend();
  client.on('error', () => undefined);
  await connection.destroy();
  client.emit('error', new Error('ended'));
  expect(lost).toEqual([]);
});
