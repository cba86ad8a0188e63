import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { TransactionRequiredError, WrongDataSourceError, type OutboxService } from 'nestjs-rabbitmq-outbox';
import { DataSource, type EntityManager } from 'typeorm';
import {
  createPlayground,
  startApp,
  type Playground,
  type TestApp,
  type TestAppSettings,
} from '../support/outbox-app.js';

/** What a piece of business code in some style of transaction can do. */
export interface Scope {
  readonly emit: (type: string) => Promise<string>;
  /** A transaction within the transaction, as the style has it: joined, or a savepoint. */
  readonly nested: (work: (scope: Scope) => Promise<void>) => Promise<void>;
  readonly savepoint: (work: (scope: Scope) => Promise<void>) => Promise<void>;
}

/** One way code bases do transactions. */
export interface TransactionStyle {
  readonly name: string;
  readonly settings?: TestAppSettings;
  run(app: TestApp, work: (scope: Scope) => Promise<void>): Promise<void>;
  /** Calls `emit()` as the style does, but outside of any transaction. */
  outside(app: TestApp): Promise<string>;
}

class Refused extends Error {}

const rolledBack = (savepoint: Scope['savepoint']) =>
  expect(
    savepoint(async (inner) => {
      await inner.emit('a.inner');
      throw new Refused();
    }),
  ).rejects.toThrow(Refused);

/** Every style must give the same rows and wake-ups in the same situation. */
export function transactionStyle(style: TransactionStyle): void {
  describe(`transactions by ${style.name}`, () => {
    let playground: Playground;
    let app: TestApp;
    let wakeUps: jest.SpiedFunction<() => void>;

    beforeAll(async () => {
      playground = await createPlayground();
      const settings = style.settings ?? {};
      app = await startApp(playground, {
        ...settings,
        options: { relay: { enabled: false }, consumers: { enabled: false }, ...settings.options },
      });
      wakeUps = jest.spyOn(app.relay, 'wake');
    });

    afterAll(async () => {
      await app?.close();
      await playground?.close();
    });

    beforeEach(async () => {
      await playground.sql(`DELETE FROM ${playground.name}.outbox`);
      wakeUps.mockClear();
    });

    const types = async () =>
      (await playground.sql<{ type: string }>(`SELECT type FROM ${playground.name}.outbox ORDER BY seq`)).map(
        ({ type }) => type,
      );

    test('a commit leaves the event and wakes the relay once', async () => {
      await style.run(app, async ({ emit }) => {
        await emit('a.one');
        await emit('a.two');
        expect(wakeUps).not.toHaveBeenCalled();
      });
      expect(await types()).toEqual(['a.one', 'a.two']);
      expect(wakeUps).toHaveBeenCalledTimes(1);
    });

    test('an error after the emit leaves nothing and wakes nobody', async () => {
      const run = style.run(app, async ({ emit }) => {
        await emit('a.one');
        throw new Refused();
      });
      await expect(run).rejects.toThrow(Refused);
      expect(await types()).toEqual([]);
      expect(wakeUps).not.toHaveBeenCalled();
    });

    test('a refused emit leaves the transaction as it was', async () => {
      await style.run(app, async ({ emit }) => {
        await emit('a.one');
        await expect(emit('not a type')).rejects.toMatchObject({ code: 'OUTBOX_INVALID_EVENT_TYPE' });
      });
      expect(await types()).toEqual(['a.one']);
      expect(wakeUps).toHaveBeenCalledTimes(1);
    });

    test('a nested transaction commits with the outer one, and the relay is woken once', async () => {
      await style.run(app, async ({ emit, nested }) => {
        await emit('a.outer');
        await nested(async (inner) => void (await inner.emit('a.inner')));
        expect(wakeUps).not.toHaveBeenCalled();
      });
      expect(await types()).toEqual(['a.outer', 'a.inner']);
      expect(wakeUps).toHaveBeenCalledTimes(1);
    });

    test('a nested transaction is gone when the outer one rolls back', async () => {
      const run = style.run(app, async ({ nested }) => {
        await nested(async (inner) => void (await inner.emit('a.inner')));
        throw new Refused();
      });
      await expect(run).rejects.toThrow(Refused);
      expect(await types()).toEqual([]);
      expect(wakeUps).not.toHaveBeenCalled();
    });

    test('a savepoint that is rolled back takes its events with it, and their wake-up', async () => {
      await style.run(app, ({ savepoint }) => rolledBack(savepoint));
      expect(await types()).toEqual([]);
      expect(wakeUps).not.toHaveBeenCalled();
    });

    test('and leaves those around it', async () => {
      await style.run(app, async ({ emit, savepoint }) => {
        await emit('a.before');
        await rolledBack(savepoint);
        await emit('a.after');
      });
      expect(await types()).toEqual(['a.before', 'a.after']);
      expect(wakeUps).toHaveBeenCalledTimes(1);
    });

    test('without a transaction nothing is written, and the error shows how it is done', async () => {
      await expect(style.outside(app)).rejects.toBeInstanceOf(TransactionRequiredError);
      await expect(style.outside(app)).rejects.toThrow(/dataSource\.transaction/);
      expect(await types()).toEqual([]);
      expect(wakeUps).not.toHaveBeenCalled();
    });

    test('a transaction of another data source is refused', async () => {
      const other = await new DataSource({ type: 'postgres', url: playground.databaseUrl }).initialize();
      try {
        const run = other.transaction((manager) => app.outbox.emit(manager, 'a.foreign', {}));
        await expect(run).rejects.toBeInstanceOf(WrongDataSourceError);
        expect(await types()).toEqual([]);
        expect(wakeUps).not.toHaveBeenCalled();
      } finally {
        await other.destroy();
      }
    });
  });
}

/** Emits with the manager it is given: the explicit styles. */
export function explicitScope(outbox: OutboxService, manager: EntityManager): Scope {
  const savepoint: Scope['nested'] = (work) =>
    manager.transaction((inner) => work(explicitScope(outbox, inner)));
  return { emit: (type) => outbox.emit(manager, type, {}), nested: savepoint, savepoint };
}
