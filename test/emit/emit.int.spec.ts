import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { OutboxEventEntity } from 'nestjs-rabbitmq-outbox';
import type { EntityManager } from 'typeorm';
import { createPlayground, startApp, type Playground, type TestApp } from '../support/outbox-app.js';
import { SqlLog } from '../support/sql-log.js';

interface Row {
  id: string;
  type: string;
  key: string | null;
  payload: Buffer;
  content_type: string;
  headers: string | null;
  exchange: string | null;
  correlation_id: string | null;
  expiration: string | null;
  priority: number | null;
  require_route: boolean | null;
  state: string;
  attempts: number;
  due: number | null;
}

describe('emit', () => {
  const log = new SqlLog();
  let playground: Playground;
  let app: TestApp;

  beforeAll(async () => {
    playground = await createPlayground();
    app = await startApp(playground, {
      options: { relay: { enabled: false }, emit: { expiration: '1h' } },
      dataSource: { logger: log },
    });
  });
  afterAll(async () => {
    await app?.close();
    await playground?.close();
  });
  beforeEach(() => playground.sql(`TRUNCATE ${playground.name}.outbox`));

  const rows = () =>
    playground.sql<Row>(
      `SELECT *, extract(epoch FROM available_at - created_at)::float8 AS due FROM ${playground.name}.outbox ORDER BY seq`,
    );
  const transaction = <T>(work: (manager: EntityManager) => Promise<T>) => app.dataSource.transaction(work);

  test('writes one pending row, with the payload as bytes, and resolves to its id', async () => {
    const id = await transaction((manager) =>
      app.outbox.emit(manager, 'order.placed', { price: 42 }, { key: 'order-1' }),
    );
    expect(await rows()).toEqual([
      expect.objectContaining({
        id,
        type: 'order.placed',
        key: 'order-1',
        payload: Buffer.from('{"price":42}'),
        content_type: 'application/json',
        state: 'pending',
        attempts: 0,
        due: null,
      }),
    ]);
  });

  test('writes every option where the relay looks for it', async () => {
    await transaction((manager) =>
      app.outbox.emit(manager, 'order.placed', Buffer.from([1, 2, 3]), {
        id: '018F3C1E-7F6A-7CC2-9B1D-2F3A4B5C6D7E',
        key: 'k',
        headers: { tenant: 'acme' },
        causationId: 'cause',
        correlationId: 'correlation',
        expiration: '5m',
        delay: '1h',
        exchange: 'elsewhere',
        contentType: 'application/x-order',
        priority: 7,
        requireRoute: true,
      }),
    );
    expect(await rows()).toEqual([
      expect.objectContaining({
        id: '018f3c1e-7f6a-7cc2-9b1d-2f3a4b5c6d7e',
        payload: Buffer.from([1, 2, 3]),
        content_type: 'application/x-order',
        headers: '{"tenant":"acme","outbox-causation-id":"cause"}',
        exchange: 'elsewhere',
        correlation_id: 'correlation',
        expiration: '300000',
        priority: 7,
        require_route: true,
        due: 3_600,
      }),
    ]);
  });

  test('resolves to the id as the message will carry it, however it was written', async () => {
    const id = await transaction((manager) =>
      app.outbox.emit(manager, 'a', 1, { id: 'F47AC10B-58CC-4372-A567-0E02B2C3D479' }),
    );
    expect(id).toBe('f47ac10b-58cc-4372-a567-0e02b2c3d479');
  });

  test('gives events the module’s expiration unless they have their own', async () => {
    await transaction(async (manager) => {
      await app.outbox.emit(manager, 'a', 1);
      await app.outbox.emit(manager, 'b', 1, { expiration: 0 });
    });
    expect((await rows()).map(({ expiration }) => expiration)).toEqual(['3600000', '0']);
  });

  test('keeps a scheduled moment to the millisecond', async () => {
    const availableAt = new Date('2031-02-03T04:05:06.789Z');
    await transaction((manager) => app.outbox.emit(manager, 'a', 1, { availableAt }));
    const [row] = await app.dataSource.getRepository(OutboxEventEntity).find();
    expect(row?.availableAt).toEqual(availableAt);
  });

  test('leaves nothing behind when the transaction rolls back', async () => {
    const failing = transaction(async (manager) => {
      await app.outbox.emit(manager, 'order.placed', {});
      await app.outbox.emitMany(manager, [{ type: 'order.paid', payload: {} }]);
      throw new Error('business says no');
    });
    await expect(failing).rejects.toThrow('business says no');
    expect(await rows()).toEqual([]);
  });

  test('is visible to nobody before the commit', async () => {
    await transaction(async (manager) => {
      await app.outbox.emit(manager, 'order.placed', {});
      expect(await rows()).toEqual([]);
    });
    expect(await rows()).toHaveLength(1);
  });

  test('works with a QueryRunner by hand', async () => {
    const runner = app.dataSource.createQueryRunner();
    try {
      await runner.startTransaction();
      await app.outbox.emit(runner, 'committed.1', {});
      await app.outbox.emit(runner.manager, 'committed.2', {});
      await runner.commitTransaction();
      await runner.startTransaction();
      await app.outbox.emit(runner, 'rolled.back', {});
      await runner.rollbackTransaction();
      await runner.startTransaction('SERIALIZABLE');
      await app.outbox.emit(runner, 'committed.3', {});
      await runner.commitTransaction();
    } finally {
      await runner.release();
    }
    expect((await rows()).map(({ type }) => type)).toEqual(['committed.1', 'committed.2', 'committed.3']);
  });

  test('a rolled-back savepoint takes its events with it, and only its own', async () => {
    await transaction(async (manager) => {
      await app.outbox.emit(manager, 'before', {});
      const nested = manager.transaction(async (inner) => {
        await app.outbox.emit(inner, 'inside', {});
        throw new Error('back to the savepoint');
      });
      await expect(nested).rejects.toThrow('back to the savepoint');
      await manager.transaction((inner) => app.outbox.emit(inner, 'kept', {}));
      await app.outbox.emit(manager, 'after', {});
    });
    expect((await rows()).map(({ type }) => type)).toEqual(['before', 'kept', 'after']);
  });

  test('emitting an id twice writes one row and leaves the transaction usable', async () => {
    const id = '018f3c1e-7f6a-7cc2-9b1d-2f3a4b5c6d7e';
    await transaction((manager) => app.outbox.emit(manager, 'first', 1, { id }));
    await transaction(async (manager) => {
      expect(await app.outbox.emit(manager, 'second', 2, { id })).toBe(id);
      await app.outbox.emitMany(manager, [
        { type: 'third', payload: 3, id },
        { type: 'other', payload: 4 },
        { type: 'fourth', payload: 5, id: id.toUpperCase() },
      ]);
    });
    expect((await rows()).map(({ type }) => type)).toEqual(['first', 'other']);
  });

  test('numbers events in the order they were emitted, also when nobody waits in between', async () => {
    const types = Array.from({ length: 50 }, (_, index) => `event.${index}`);
    await transaction(async (manager) => {
      await Promise.all(types.slice(0, 25).map((type) => app.outbox.emit(manager, type, {})));
      await app.outbox.emitMany(
        manager,
        types.slice(25).map((type) => ({ type, payload: {} })),
      );
    });
    expect((await rows()).map(({ type }) => type)).toEqual(types);
  });

  test('emitMany writes ten thousand events with one statement, in order', async () => {
    const events = Array.from({ length: 10_000 }, (_, index) => ({
      type: 'order.placed',
      payload: { index },
      key: `order-${index % 100}`,
    }));
    let ids: string[] = [];
    const sent = await log.during(() =>
      transaction(async (manager) => {
        ids = await app.outbox.emitMany(manager, events);
      }),
    );
    expect(sent).toEqual([
      'START TRANSACTION',
      expect.stringContaining(`INSERT INTO "${playground.name}"."outbox"`),
      'COMMIT',
    ]);
    const written = await rows();
    expect(written.map(({ id }) => id)).toEqual(ids);
    expect(written.every(({ payload }, index) => payload.equals(Buffer.from(`{"index":${index}}`)))).toBe(
      true,
    );
  });

  test.each(['emit', 'emitMany'])(
    '%s sends exactly one statement, and the commit no other',
    async (method) => {
      const sent = await log.during(() =>
        transaction(async (manager) => {
          if (method === 'emit') await app.outbox.emit(manager, 'a', {}, { key: 'k', delay: '1s' });
          else
            await app.outbox.emitMany(manager, [
              { type: 'a', payload: {} },
              { type: 'b', payload: {} },
            ]);
        }),
      );
      expect(sent).toEqual(['START TRANSACTION', expect.stringMatching(/^INSERT INTO /), 'COMMIT']);
    },
  );

  test('emitMany mixes payloads and options of all kinds as emit would write them one by one', async () => {
    const at = new Date('2030-01-01T00:00:00Z');
    const events = [
      { type: 'a', payload: { text: 'quotes " and \\ and , and {braces}' } },
      { type: 'b', payload: Buffer.from([0, 92, 34, 255]), contentType: 'image/png' },
      { type: 'c', payload: null, key: 'NULL', headers: { a: 'x,"y"\\z', n: 1 }, priority: 0 },
      { type: 'd', payload: '', key: '{"k"}', correlationId: 'null', exchange: 'other', expiration: 5 },
      { type: 'e', payload: [], availableAt: at, requireRoute: false },
      { type: 'f', payload: 'ö', delay: 1_500, causationId: 'c' },
    ];
    const interesting = (row: Row) => ({ ...row, id: '', seq: '', xid: '', lane: 0, created_at: '' });
    await transaction((manager) => app.outbox.emitMany(manager, events));
    const many = (await rows()).map(interesting);
    await playground.sql(`TRUNCATE ${playground.name}.outbox`);
    await transaction(async (manager) => {
      for (const { type, payload, ...options } of events)
        await app.outbox.emit(manager, type, payload, options);
    });
    const one = (await rows()).map(interesting);
    expect(
      many.map(({ due, ...row }) => ({ ...row, due: row.type === 'e' ? 0 : due, available_at: 0 })),
    ).toEqual(one.map(({ due, ...row }) => ({ ...row, due: row.type === 'e' ? 0 : due, available_at: 0 })));
  });

  test('emitMany of nothing writes nothing', async () => {
    const sent = await log.during(() =>
      transaction(async (manager) => expect(await app.outbox.emitMany(manager, [])).toEqual([])),
    );
    expect(sent).toEqual(['START TRANSACTION', 'COMMIT']);
  });

  test('emitMany writes none of its events when one of them is refused', async () => {
    await transaction(async (manager) => {
      const refused = app.outbox.emitMany(manager, [
        { type: 'fine', payload: {} },
        { type: 'not fine', payload: {} },
      ]);
      await expect(refused).rejects.toThrow('"not fine" is not a legal event type');
      await app.outbox.emit(manager, 'later', {});
    });
    expect((await rows()).map(({ type }) => type)).toEqual(['later']);
  });
});
