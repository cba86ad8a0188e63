import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  InvalidEventOptionError,
  InvalidEventTypeError,
  OutboxError,
  PayloadTooLargeError,
  TransactionRequiredError,
  UnserializablePayloadError,
  WrongDataSourceError,
  type EmitOptions,
} from 'nestjs-rabbitmq-outbox';
import { DataSource, type EntityManager } from 'typeorm';
import { createPlayground, startApp, type Playground, type TestApp } from '../support/outbox-app.js';

const LIMIT = 1_000;

let playground: Playground;
let app: TestApp;

beforeAll(async () => {
  playground = await createPlayground();
  await playground.sql(`CREATE TABLE ${playground.name}.orders (id int)`);
  app = await startApp(playground, {
    options: { relay: { enabled: false }, emit: { maxPayload: LIMIT } },
  });
});
afterAll(async () => {
  await app?.close();
  await playground?.close();
});
beforeEach(() => playground.sql(`TRUNCATE ${playground.name}.outbox, ${playground.name}.orders`));

const count = async (table: string) => {
  const [row] = await playground.sql<{ count: number }>(
    `SELECT count(*)::int AS count FROM ${playground.name}.${table}`,
  );
  return row?.count;
};

async function refusalOf(emitting: Promise<unknown>): Promise<OutboxError> {
  const error: unknown = await emitting.then(
    () => new Error('was not refused'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(OutboxError);
  return error as OutboxError;
}

/** Bad input must be the caller's to handle: the transaction is as it was, and can go on or go back. */
async function expectHarmless(work: (manager: EntityManager) => Promise<unknown>): Promise<OutboxError> {
  const insert = (manager: EntityManager, id: number) =>
    manager.query(`INSERT INTO ${playground.name}.orders VALUES ($1)`, [id]);
  const error = await app.dataSource.transaction(async (manager) => {
    await insert(manager, 1);
    const refusal = await refusalOf(work(manager));
    await insert(manager, 2);
    await app.outbox.emit(manager, 'order.placed', {});
    return refusal;
  });
  expect([await count('orders'), await count('outbox')]).toEqual([2, 1]);
  const rolledBack = app.dataSource.transaction(async (manager) => {
    await insert(manager, 3);
    await work(manager);
  });
  await expect(rolledBack).rejects.toThrow(error.message);
  expect([await count('orders'), await count('outbox')]).toEqual([2, 1]);
  return error;
}

describe('an event that cannot be carried is refused, and the transaction is none the worse', () => {
  test.each<[string, unknown, EmitOptions, string]>([
    ['an illegal key', {}, { key: '' }, 'option key must be a string of 1 to 255 bytes, got "".'],
    ['a key that is too long', {}, { key: 'é'.repeat(128) }, 'option key must be a string of 1 to 255 bytes'],
    ['a key with a NUL', {}, { key: 'a\0' }, 'option key must be a string of 1 to 255 bytes'],
    [
      'half a surrogate pair',
      {},
      { key: 'a\ud83d' },
      'option key must not contain half a surrogate pair, which UTF-8 cannot carry',
    ],
    [
      'a key of another kind',
      {},
      { key: 7 as never },
      'option key must be a string of 1 to 255 bytes, got 7.',
    ],
    ['an id that is no UUID', {}, { id: 'order-1' }, 'option id must be a UUID, got "order-1".'],
    ['a bad expiration', {}, { expiration: 'soon' }, 'option expiration must be a duration such as'],
    ['an expiration the broker refuses', {}, { expiration: '11000d' }, 'at most \'3650d\', got "11000d".'],
    ['a negative delay', {}, { delay: -1 }, 'option delay must be a duration such as'],
    [
      'an endless delay',
      {},
      { delay: 1e300 },
      "option delay must be a duration of at most '3650d', got 1e+300.",
    ],
    [
      'a delay and a moment',
      {},
      { delay: 1, availableAt: new Date() },
      'option delay must not be given together with availableAt, got 1.',
    ],
    [
      'an invalid Date',
      {},
      { availableAt: new Date('x') },
      'option availableAt must be a valid Date from 1970 to 9999, got an invalid Date.',
    ],
    [
      'a Date no database knows',
      {},
      { availableAt: new Date(8.64e15) },
      'option availableAt must be a valid Date from 1970 to 9999, got +275760-09-13T00:00:00.000Z.',
    ],
    ['a date as text', {}, { availableAt: '2030-01-01' as never }, 'must be a valid Date'],
    [
      'a priority out of range',
      {},
      { priority: 256 },
      'option priority must be an integer from 0 to 255, got 256.',
    ],
    ['half a priority', {}, { priority: 0.5 }, 'option priority must be an integer'],
    [
      'a route asked for in words',
      {},
      { requireRoute: 'yes' as never },
      'option requireRoute must be true or false, got "yes".',
    ],
    [
      'an empty exchange',
      {},
      { exchange: '' },
      'option exchange must be a string of 1 to 255 bytes, got "".',
    ],
    ['a header of the broker', {}, { headers: { 'x-death': 1 } }, 'must not use names beginning with "x-"'],
    ['a nested header', {}, { headers: { a: {} as never } }, 'option headers.a must be a string'],
    [
      'a content type for JSON',
      {},
      { contentType: 'text/plain' },
      'option contentType must be one that is decoded as application/json is; for any other, give the payload as bytes, got "text/plain".',
    ],
    [
      'no correlation id',
      {},
      { correlationId: '' },
      'option correlationId must be a string of 1 to 255 bytes',
    ],
    ['no causation id', {}, { causationId: '' }, 'option causationId must be a string of 1 to 255 bytes'],
  ])('%s', async (_, payload, options, message) => {
    const error = await expectHarmless((manager) =>
      app.outbox.emit(manager, 'order.placed', payload, options),
    );
    expect(error).toBeInstanceOf(InvalidEventOptionError);
    expect(error.message).toMatch(/^Cannot emit "order\.placed": option /);
    expect(error.message).toContain(message);
  });

  test('a type that cannot be a routing key', async () => {
    const error = await expectHarmless((manager) => app.outbox.emit(manager, 'order placed', {}));
    expect(error).toBeInstanceOf(InvalidEventTypeError);
    expect(error.message).toBe(
      '"order placed" is not a legal event type: it contains white space or control characters. ' +
        "The type is also the routing key: words separated by dots, as in 'order.placed'.",
    );
  });

  test('a payload that has no JSON form', async () => {
    const error = await expectHarmless((manager) => app.outbox.emit(manager, 'order.placed', { total: 5n }));
    expect(error).toBeInstanceOf(UnserializablePayloadError);
    expect(error.message).toMatch(/Cannot emit "order\.placed": its payload cannot be encoded: .*BigInt/);
  });

  test('a payload one byte too large, where one byte less is fine', async () => {
    const json = (bytes: number) => 'x'.repeat(bytes - 2);
    await app.dataSource.transaction(async (manager) => {
      await app.outbox.emit(manager, 'fits', json(LIMIT));
      await app.outbox.emit(manager, 'fits', Buffer.alloc(LIMIT));
      await app.outbox.emit(manager, 'fits', 'é'.repeat((LIMIT - 2) / 2));
    });
    expect(await count('outbox')).toBe(3);
    await playground.sql(`TRUNCATE ${playground.name}.outbox`);
    for (const payload of [json(LIMIT + 1), Buffer.alloc(LIMIT + 1), 'é'.repeat(LIMIT / 2)]) {
      const error = await expectHarmless((manager) => app.outbox.emit(manager, 'order.placed', payload));
      expect(error).toBeInstanceOf(PayloadTooLargeError);
      expect(error.message).toMatch(
        /^Cannot emit "order\.placed": its payload is 100[12] bytes encoded, the limit is 1000 \(option emit\.maxPayload\)\. Store the large part elsewhere/,
      );
      await playground.sql(`TRUNCATE ${playground.name}.outbox, ${playground.name}.orders`);
    }
  });
});

describe('an event outside a transaction is refused, and nothing is written', () => {
  const FIX = "await outbox.emit(manager, 'order.placed', payload); })";

  async function expectRequired(handle: unknown, reason: string): Promise<void> {
    for (const emitting of [
      () => app.outbox.emit(handle as EntityManager, 'order.placed', {}),
      () => app.outbox.emitMany(handle as EntityManager, [{ type: 'order.placed', payload: {} }]),
    ]) {
      const error = await refusalOf(emitting());
      expect(error).toBeInstanceOf(TransactionRequiredError);
      expect(error.message).toContain(`Cannot emit "order.placed": ${reason}. `);
      expect(error.message).toContain(FIX);
    }
    expect(await count('outbox')).toBe(0);
  }

  test('dataSource.manager, which is never in one', () =>
    expectRequired(
      app.dataSource.manager,
      'this EntityManager is not in a transaction (dataSource.manager never is)',
    ));

  test('the data source itself', () => expectRequired(app.dataSource, 'a DataSource is not a transaction'));

  test('a QueryRunner that has begun none, or ended it', async () => {
    const runner = app.dataSource.createQueryRunner();
    try {
      await expectRequired(runner, 'the query runner has no running transaction');
      await expectRequired(runner.manager, 'the query runner has no running transaction');
      await runner.startTransaction();
      await runner.commitTransaction();
      await expectRequired(runner, 'the query runner has no running transaction');
    } finally {
      await runner.release();
    }
    await expectRequired(runner, 'the transaction is over');
  });

  test('the manager of a transaction that is over', async () => {
    const manager = await app.dataSource.transaction((inside) => Promise.resolve(inside));
    await expectRequired(manager, 'the transaction is over');
  });

  test('anything else', async () => {
    const expected = 'the first argument must be an EntityManager or a QueryRunner, got';
    await expectRequired(undefined, `${expected} undefined`);
    await expectRequired(null, `${expected} null`);
    await expectRequired({}, `${expected} {}`);
    await expectRequired(app.dataSource.getRepository('outbox'), `${expected} a Repository`);
  });

  test('a call that leaves the transaction out where none surrounds it', async () => {
    for (const emitting of [
      () => app.outbox.emit('order.placed', { id: 1 }, undefined),
      () => app.outbox.emitMany([{ type: 'order.placed', payload: { id: 1 } }]),
    ]) {
      const error = await refusalOf(emitting());
      expect(error).toBeInstanceOf(TransactionRequiredError);
      expect(error.message).toContain(
        'Cannot emit "order.placed": no transaction surrounds this call, and none was passed. ',
      );
      expect(error.message).toContain(FIX);
    }
  });

  test('even no events at all, so that the mistake shows before the first real one', async () => {
    for (const emitting of [app.outbox.emitMany(app.dataSource.manager, []), app.outbox.emitMany([])]) {
      expect(await refusalOf(emitting)).toBeInstanceOf(TransactionRequiredError);
    }
  });

  test('a transaction of another data source, although it has the same tables', async () => {
    const other = await new DataSource({
      type: 'postgres',
      url: playground.databaseUrl,
      schema: playground.name,
    }).initialize();
    try {
      const error = await other.transaction((manager) =>
        refusalOf(app.outbox.emit(manager, 'order.placed', {})),
      );
      expect(error).toBeInstanceOf(WrongDataSourceError);
      expect(error.message).toContain(
        'Cannot emit "order.placed": the transaction belongs to another data source than this outbox ("default")',
      );
      expect(error.message).toContain('option storage.dataSource');
    } finally {
      await other.destroy();
    }
  });
});

describe('a database that refuses the row', () => {
  test('rejects the emit and the transaction, as any statement in it would', async () => {
    const failing = app.dataSource.transaction(async (manager) => {
      await manager.query('SELECT 1/0').catch(() => undefined);
      await app.outbox.emit(manager, 'order.placed', {});
    });
    await expect(failing).rejects.toThrow('current transaction is aborted');
    expect(await count('outbox')).toBe(0);
  });
});
