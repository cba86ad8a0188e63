import { afterAll, beforeAll, beforeEach, expect } from '@jest/globals';
import type { EntityManager } from 'typeorm';
import {
  createPlayground,
  startApp,
  type Playground,
  type TestApp,
  type TestAppSettings,
} from '../support/outbox-app.js';

/** A row of the outbox as it is in the table. */
export interface Row {
  seq: string;
  id: string;
  type: string;
  key: string | null;
  payload: Buffer;
  content_type: string;
  headers: string | null;
  correlation_id: string | null;
  expiration: string | null;
  available_at: Date | null;
  state: string;
}

export type WritingApp = ReturnType<typeof useWritingApp>;

/** An application that only writes, with an empty outbox for each test. */
export function useWritingApp(settings: TestAppSettings = {}) {
  let playground: Playground;
  let app: TestApp;

  beforeAll(async () => {
    playground = await createPlayground();
    const options = { relay: { enabled: false }, consumers: { enabled: false }, ...settings.options };
    app = await startApp(playground, { ...settings, options });
  });
  afterAll(async () => {
    await app?.close();
    await playground?.close();
  });
  beforeEach(() => playground.sql(`DELETE FROM ${playground.name}.outbox`));

  const rows = () => playground.sql<Row>(`SELECT * FROM ${playground.name}.outbox ORDER BY seq`);
  const inTransaction = <T>(work: (manager: EntityManager) => Promise<T>) => app.dataSource.transaction(work);
  const types = async () => (await rows()).map(({ type }) => type);
  const payloads = async () => (await rows()).map(({ payload }) => JSON.parse(payload.toString()) as unknown);

  return {
    playground: () => playground,
    app: () => app,
    outbox: () => app.outbox,
    rows,
    types,
    payloads,
    inTransaction,
    /** The only row there is. */
    row: async () => {
      const [row, ...others] = await rows();
      expect([row !== undefined, others]).toEqual([true, []]);
      return row as Row;
    },
    /** What is refused must leave nothing, and the transaction as it was. */
    refusalOf: async (emitting: (manager: EntityManager) => Promise<unknown>): Promise<unknown> => {
      const refusal = await inTransaction(async (manager) => {
        const error: unknown = await emitting(manager).catch((thrown: unknown) => thrown);
        await app.outbox.emit(manager, 'still.usable', {});
        return error;
      });
      expect(await types()).toEqual(['still.usable']);
      return refusal;
    },
  };
}
