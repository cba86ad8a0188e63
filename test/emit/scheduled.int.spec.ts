import { Injectable } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  OnEvent,
  TransactionRequiredError,
  WrongDataSourceError,
  type EventContext,
} from 'nestjs-rabbitmq-outbox';
import { DataSource } from 'typeorm';
import { openStage, type Stage } from '../consume/stage.js';
import { eventually, type TestApp } from '../support/outbox-app.js';

@Injectable()
class Listener {
  readonly types: string[] = [];

  @OnEvent('#')
  any(_payload: unknown, { type }: EventContext) {
    this.types.push(type);
  }
}

/** Whatever arrives within a test arrives by the relay's timer: the next poll is a minute away. */
const MINUTE = { enabled: true, pollInterval: '1m' };

let stage: Stage;
let app: TestApp;

beforeAll(async () => {
  stage = await openStage();
  app = await stage.start({ providers: [Listener], options: { relay: MINUTE } });
});
afterAll(() => stage?.close());

const outbox = () => `${stage.playground.name}.outbox`;
const arrived = (type: string, { app: context } = app) =>
  eventually(() => context.get(Listener).types.includes(type));

/** Arrived, and not before it was due, by the database's clock. `delay` is counted from the emit. */
async function expectInTime(
  type: string,
  due: { delay: number } | { at: Date },
  listening = app,
): Promise<void> {
  await arrived(type, listening);
  const row = await eventually(async () => {
    const [published] = await stage.playground.sql<{ created_at: Date; published_at: Date }>(
      `SELECT created_at, published_at FROM ${outbox()} WHERE type = $1 AND state = 'published'`,
      [type],
    );
    return published;
  });
  const moment = 'at' in due ? due.at.getTime() : row.created_at.getTime() + due.delay;
  // Both as whole milliseconds.
  expect(row.published_at.getTime()).toBeGreaterThanOrEqual(moment);
}

const cancel = (id: string) => app.dataSource.transaction((manager) => app.outbox.cancel(manager, id));
/** Something that is emitted and handled after everything that was due before it. */
async function nothingElseIsDue(): Promise<void> {
  const type = `probe.${Math.random()}`;
  await app.emit(type);
  await arrived(type);
}

describe('a scheduled event', () => {
  test.each<[string, number | string]>([
    ['by.milliseconds', 300],
    ['by.words', '300ms'],
  ])('is published when its delay is over, and not before: %s', async (type, delay) => {
    await app.emit(type, {}, { delay });
    await expectInTime(type, { delay: 300 });
  });

  test('is published at its moment, and not before', async () => {
    const at = new Date(Date.now() + 300);
    await app.emit('by.moment', {}, { availableAt: at });
    await expectInTime('by.moment', { at });
  });

  test('is published at once when its moment has passed', async () => {
    await app.emit('past', {}, { availableAt: new Date(0) });
    await expectInTime('past', { delay: 0 });
    await app.emit('now', {}, { delay: 0 });
    await expectInTime('now', { delay: 0 });
  });

  test('is published in its turn, however they were emitted', async () => {
    const delays = [600, 200, 400, 0];
    await app.dataSource.transaction((manager) =>
      app.outbox.emitMany(
        manager,
        delays.map((delay) => ({ type: `in.${delay}`, payload: {}, delay })),
      ),
    );
    await arrived('in.600');
    const types = app.app.get(Listener).types.filter((type) => type.startsWith('in.'));
    expect(types).toEqual(['in.0', 'in.200', 'in.400', 'in.600']);
  });

  test('is published in time although a later one was waited for already', async () => {
    await app.emit('tomorrow', {}, { delay: '1d' });
    await nothingElseIsDue();
    await app.emit('soon', {}, { delay: 300 });
    await expectInTime('soon', { delay: 300 });
    expect(app.app.get(Listener).types).not.toContain('tomorrow');
  });

  test('holds back no other, of its key neither', async () => {
    await app.emit('held.first', {}, { key: 'k', delay: '1h' });
    await app.emit('held.second', {}, { key: 'k' });
    await arrived('held.second');
    expect(app.app.get(Listener).types).not.toContain('held.first');
  });

  test('that was rolled back is never published', async () => {
    const failing = app.dataSource.transaction(async (manager) => {
      await app.outbox.emit(manager, 'rolled.back', {}, { delay: 100 });
      throw new RangeError('no');
    });
    await expect(failing).rejects.toThrow('no');
    await app.emit('after.it', {}, { delay: 200 });
    await arrived('after.it');
    expect(app.app.get(Listener).types).not.toContain('rolled.back');
  });
});

describe('cancel', () => {
  test('takes back an event that is not due, which is then never published', async () => {
    const id = await app.emit('taken.back', {}, { delay: 200 });
    const beside = await app.emit('left.alone', {}, { delay: 400 });
    expect(await cancel(id)).toBe(true);
    expect(await cancel(id)).toBe(false);
    await arrived('left.alone');
    expect(app.app.get(Listener).types).not.toContain('taken.back');
    expect(await cancel(beside)).toBe(false);
  });

  test('takes back an event of the same transaction', async () => {
    await app.dataSource.transaction(async (manager) => {
      const id = await app.outbox.emit(manager, 'same.transaction', {}, { delay: '1h' });
      expect(await app.outbox.cancel(manager, id)).toBe(true);
    });
    expect(await stage.playground.sql(`SELECT 1 FROM ${outbox()} WHERE type = 'same.transaction'`)).toEqual(
      [],
    );
  });

  test('that is rolled back leaves the event, to be published when it is due', async () => {
    const id = await app.emit('taken.back.in.vain', {}, { delay: 300 });
    const failing = app.dataSource.transaction(async (manager) => {
      expect(await app.outbox.cancel(manager, id)).toBe(true);
      throw new RangeError('no');
    });
    await expect(failing).rejects.toThrow('no');
    await expectInTime('taken.back.in.vain', { delay: 300 });
  });

  test('does not find what is published, unknown, or no id at all', async () => {
    const id = await app.emit('published');
    await arrived('published');
    expect(await cancel(id)).toBe(false);
    expect(await cancel('01890a5d-ac96-774b-bcce-b302099a8057')).toBe(false);
    expect(await cancel('order-1')).toBe(false);
    expect(await cancel(undefined as never)).toBe(false);
  });

  test('leaves the transaction usable when there is nothing to take back', async () => {
    await app.dataSource.transaction(async (manager) => {
      expect(await app.outbox.cancel(manager, 'order-1')).toBe(false);
      await app.outbox.emit(manager, 'usable', {});
    });
    await arrived('usable');
  });

  test('does not wait for another transaction that takes the same event back', async () => {
    const id = await app.emit('taken.twice', {}, { delay: '1h' });
    await app.dataSource.transaction(async (manager) => {
      expect(await app.outbox.cancel(manager, id)).toBe(true);
      expect(await cancel(id)).toBe(false);
    });
  });

  test('needs a transaction, of the outbox’s data source', async () => {
    const id = '01890a5d-ac96-774b-bcce-b302099a8057';
    const outside: unknown = await app.outbox
      .cancel(app.dataSource.manager, id)
      .catch((error: unknown) => error);
    expect(outside).toBeInstanceOf(TransactionRequiredError);
    expect((outside as Error).message).toMatch(
      /^Cannot cancel "01890a5d-.*": this EntityManager is not in a transaction .* await outbox\.cancel\(manager, '01890a5d-[^)]*'\)/,
    );
    const other = await new DataSource({
      type: 'postgres',
      url: stage.playground.databaseUrl,
    }).initialize();
    try {
      const foreign = other.transaction((manager) => app.outbox.cancel(manager, id));
      await expect(foreign).rejects.toThrow(WrongDataSourceError);
    } finally {
      await other.destroy();
    }
  });
});

test('scheduled events survive a restart, and wake the relay that is there when they are due', async () => {
  const emitter = await stage.start({ providers: [], options: { relay: { enabled: false } } });
  const first = await stage.start({ providers: [], options: { relay: MINUTE } });
  await emitter.emit('survives', {}, { delay: 800 });
  await first.close();
  await emitter.close();
  await app.close();
  app = await stage.start({ providers: [Listener], options: { relay: MINUTE } });
  await expectInTime('survives', { delay: 800 });
});
