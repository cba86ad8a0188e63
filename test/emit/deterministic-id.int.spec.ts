import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { QueryRunner } from 'typeorm';
import { eventually } from '../support/outbox-app.js';
import { useWritingApp } from './writing-app.js';

const { app, outbox, playground, rows, row, types, inTransaction } = useWritingApp();
const logged = jest.spyOn(Logger.prototype, 'debug');
beforeEach(() => void logged.mockClear());

const notes = () => logged.mock.calls.map(([message]) => String(message));
const emit = (id: string, type = 'order.placed') =>
  inTransaction((manager) => outbox().emit(manager, type, { type }, { id }));

/** A transaction of our own, to be ended by hand. */
async function begin(isolation?: 'REPEATABLE READ'): Promise<QueryRunner> {
  const runner = app().dataSource.createQueryRunner();
  await runner.startTransaction(isolation);
  return runner;
}

/** Until somebody waits for what another transaction will decide. */
const blocked = () =>
  eventually(async () => {
    const [{ waiting } = { waiting: false }] = await playground().sql<{ waiting: boolean }>(
      `SELECT EXISTS (
         SELECT 1 FROM pg_stat_activity
         WHERE wait_event_type = 'Lock' AND query LIKE $1
       ) AS waiting`,
      [`INSERT INTO "${playground().name}"%`],
    );
    return waiting;
  });

describe('emitting an id again', () => {
  test('in a later transaction writes no second row, changes nothing, and says so', async () => {
    const id = randomUUID();
    expect(await emit(id, 'order.placed')).toBe(id);
    const before = await row();
    expect(notes()).toEqual([]);
    expect(await emit(id, 'order.changed')).toBe(id);
    expect(await row()).toEqual(before);
    expect(notes()).toEqual([`Event ${id} (order.changed) is in the outbox already: an id is written once.`]);
  });

  test('in the same transaction writes no second row, and leaves the transaction usable', async () => {
    const id = randomUUID();
    await inTransaction(async (manager) => {
      await outbox().emit(manager, 'a.first', {}, { id });
      await outbox().emit(manager, 'a.second', {}, { id: id.toUpperCase() });
      await outbox().emit(manager, 'a.third', {});
    });
    expect(await types()).toEqual(['a.first', 'a.third']);
  });

  test('writes it anew when the first transaction rolled back', async () => {
    const id = randomUUID();
    const failing = inTransaction(async (manager) => {
      await outbox().emit(manager, 'a.first', {}, { id });
      throw new RangeError('no');
    });
    await expect(failing).rejects.toThrow('no');
    await emit(id, 'a.second');
    expect(await types()).toEqual(['a.second']);
    expect(notes()).toEqual([]);
  });

  test('wakes nobody', async () => {
    const id = randomUUID();
    await emit(id);
    const wakeUps = jest.spyOn(app().relay, 'wake');
    await emit(id);
    expect(wakeUps).not.toHaveBeenCalled();
    wakeUps.mockRestore();
  });

  test('among many writes the others, in their order, and says how many were not', async () => {
    const ids = Array.from({ length: 5 }, () => randomUUID());
    await emit(ids[1] as string);
    await emit(ids[3] as string);
    const events = [...ids, ids[0] as string].map((id, index) => ({ type: `a.${index}`, payload: {}, id }));
    expect(await inTransaction((manager) => outbox().emitMany(manager, events))).toEqual([...ids, ids[0]]);
    expect(await types()).toEqual(['order.placed', 'order.placed', 'a.0', 'a.2', 'a.4']);
    expect(notes()).toEqual(['3 of 6 events are in the outbox already: an id is written once.']);
  });

  test('among many that are all there writes none', async () => {
    const id = randomUUID();
    await emit(id);
    const again = [1, 2].map(() => ({ type: 'a.b', payload: {}, id }));
    await inTransaction((manager) => outbox().emitMany(manager, again));
    expect(await rows()).toHaveLength(1);
    expect(notes()).toEqual(['2 of 2 events are in the outbox already: an id is written once.']);
  });
});

describe('two transactions that emit the same id at the same time', () => {
  test('when the first commits, the second waited and writes none', async () => {
    const id = randomUUID();
    const first = await begin();
    await outbox().emit(first, 'a.first', {}, { id });
    const second = emit(id, 'a.second');
    await blocked();
    await first.commitTransaction();
    await first.release();
    expect(await second).toBe(id);
    expect(await types()).toEqual(['a.first']);
    expect(notes()).toHaveLength(1);
  });

  test('when the first rolls back, the second waited and writes it', async () => {
    const id = randomUUID();
    const first = await begin();
    await outbox().emit(first, 'a.first', {}, { id });
    const second = emit(id, 'a.second');
    await blocked();
    await first.rollbackTransaction();
    await first.release();
    await second;
    expect(await types()).toEqual(['a.second']);
    expect(notes()).toEqual([]);
  });

  test('write one row between twenty of them', async () => {
    const id = randomUUID();
    await Promise.all(Array.from({ length: 20 }, (_, index) => emit(id, `a.${index}`)));
    expect(await rows()).toHaveLength(1);
    expect(notes()).toHaveLength(19);
  });

  test('at REPEATABLE READ the second fails as any write there would, and may be tried again', async () => {
    const id = randomUUID();
    const second = await begin('REPEATABLE READ');
    await second.query('SELECT 1');
    await emit(id, 'a.first');
    const emitting = outbox().emit(second, 'a.second', {}, { id });
    await expect(emitting).rejects.toMatchObject({ driverError: { code: '40001' } });
    await second.rollbackTransaction();
    await second.release();
    await emit(id, 'a.second');
    expect(await types()).toEqual(['a.first']);
  });
});
