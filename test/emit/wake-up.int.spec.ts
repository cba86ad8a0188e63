import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { EntityManager } from 'typeorm';
import { createPlayground, startApp, type Playground, type TestApp } from '../support/outbox-app.js';

describe('the relay of the same process is woken', () => {
  let playground: Playground;
  let app: TestApp;
  let wakeUps = 0;

  beforeAll(async () => {
    playground = await createPlayground();
    app = await startApp(playground, { options: { relay: { enabled: false } } });
    jest.spyOn(app.relay, 'wake').mockImplementation(() => void wakeUps++);
  });
  afterAll(async () => {
    await app?.close();
    await playground?.close();
  });
  afterEach(() => {
    wakeUps = 0;
  });

  const emit = (manager: EntityManager) => app.outbox.emit(manager, 'order.placed', {});
  const rollBack = () => {
    throw new Error('rolled back');
  };

  test('once, after the commit and not before', async () => {
    await app.dataSource.transaction(async (manager) => {
      await emit(manager);
      await app.outbox.emitMany(manager, [
        { type: 'a', payload: 1 },
        { type: 'b', payload: 2 },
      ]);
      expect(wakeUps).toBe(0);
    });
    expect(wakeUps).toBe(1);
  });

  test('not by a rollback', async () => {
    const failing = app.dataSource.transaction((manager) => emit(manager).then(rollBack));
    await expect(failing).rejects.toThrow('rolled back');
    expect(wakeUps).toBe(0);
  });

  test('not by a transaction that emits nothing, nor by one after a rollback on the same connection', async () => {
    const runner = app.dataSource.createQueryRunner();
    try {
      await runner.startTransaction();
      await app.outbox.emit(runner, 'order.placed', {});
      await runner.rollbackTransaction();
      await runner.startTransaction();
      await runner.query('SELECT 1');
      await app.outbox.emitMany(runner, []);
      await runner.commitTransaction();
      expect(wakeUps).toBe(0);
      await runner.startTransaction();
      await app.outbox.emit(runner, 'order.placed', {});
      await runner.commitTransaction();
      expect(wakeUps).toBe(1);
    } finally {
      await runner.release();
    }
  });

  test('not by the release of a savepoint, but by the commit around it', async () => {
    await app.dataSource.transaction(async (manager) => {
      await manager.transaction(emit);
      expect(wakeUps).toBe(0);
    });
    expect(wakeUps).toBe(1);
  });

  test('also when a savepoint after the emit was rolled back', async () => {
    await app.dataSource.transaction(async (manager) => {
      await emit(manager);
      await expect(manager.transaction(async () => rollBack())).rejects.toThrow('rolled back');
    });
    expect(wakeUps).toBe(1);
  });

  test('not by an emit that was refused', async () => {
    await app.dataSource.transaction(async (manager) => {
      await expect(app.outbox.emit(manager, '', {})).rejects.toThrow('not a legal event type');
    });
    expect(wakeUps).toBe(0);
  });

  test('not by a commit that fails', async () => {
    const schema = playground.name;
    await playground.sql(`CREATE TABLE ${schema}.late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)`);
    const failing = app.dataSource.transaction(async (manager) => {
      await emit(manager);
      await manager.query(`INSERT INTO ${schema}.late VALUES (1), (1)`);
    });
    await expect(failing).rejects.toThrow('duplicate key');
    expect(wakeUps).toBe(0);
  });

  test('once per transaction when many commit at the same time', async () => {
    await Promise.all(Array.from({ length: 20 }, () => app.dataSource.transaction(emit)));
    expect(wakeUps).toBe(20);
  });
});
