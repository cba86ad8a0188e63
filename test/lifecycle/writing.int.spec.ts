import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { LifecycleMessage } from 'nestjs-rabbitmq-outbox';
import { createPlayground, startApp, type Playground, type TestApp } from '../support/outbox-app.js';
import { recordLifecycle } from './recorder.js';

describe('"emitted" is told', () => {
  let playground: Playground;
  let app: TestApp;
  let emitted: () => Array<LifecycleMessage<'emitted'>>;
  let forget: () => void;

  beforeAll(async () => {
    playground = await createPlayground();
    app = await startApp(playground, { options: { relay: { enabled: false } } });
    const { messages, named } = recordLifecycle(app);
    emitted = () => named('emitted');
    forget = () => messages.splice(0);
  });
  afterAll(async () => {
    await app?.close();
    await playground?.close();
  });
  afterEach(() => forget());

  test('once per transaction, after its commit, of all its events and nothing of their payloads', async () => {
    const ids: string[] = [];
    await app.dataSource.transaction(async (manager) => {
      ids.push(await app.outbox.emit(manager, 'order.placed', { card: '4111' }, { key: 'k' }));
      ids.push(...(await app.outbox.emitMany(manager, [{ type: 'order.paid', payload: { card: '4111' } }])));
      expect(emitted()).toEqual([]);
    });
    const [placed, paid] = ids;
    expect(emitted()).toEqual([
      {
        name: 'emitted',
        outbox: 'default',
        events: [
          { id: placed, type: 'order.placed', key: 'k' },
          { id: paid, type: 'order.paid', key: null },
        ],
        duplicates: 0,
      },
    ]);
  });

  test('not of what was rolled back, with everything or with a savepoint', async () => {
    const rollBack = () => {
      throw new Error('rolled back');
    };
    const emit = (type: string) =>
      app.dataSource.transaction((tx) => app.outbox.emit(tx, type, {}).then(rollBack));
    await expect(emit('order.lost')).rejects.toThrow('rolled back');
    await app.dataSource.transaction(async (manager) => {
      await manager.transaction((inner) => app.outbox.emit(inner, 'order.kept', {}));
      await expect(
        manager.transaction((inner) => app.outbox.emit(inner, 'order.gone', {}).then(rollBack)),
      ).rejects.toThrow('rolled back');
    });
    expect(emitted().flatMap(({ events }) => events.map(({ type }) => type))).toEqual(['order.kept']);
  });

  test('with how many were in the outbox already', async () => {
    const id = '0190b6c8-7a3e-7000-8000-000000000001';
    await app.emit('order.placed', {}, { id });
    forget();
    await app.emit('order.placed', {}, { id });
    expect(emitted()).toEqual([]);
    await app.dataSource.transaction((manager) =>
      app.outbox.emitMany(manager, [
        { type: 'order.placed', payload: {}, id },
        { type: 'order.placed', payload: {} },
      ]),
    );
    expect(emitted().map(({ events, duplicates }) => [events.length, duplicates])).toEqual([[2, 1]]);
  });
});
