import { Logger } from '@nestjs/common';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { PayloadTooLargeError } from 'nestjs-rabbitmq-outbox';
import { eventually } from '../support/outbox-app.js';
import { SqlLog } from '../support/sql-log.js';
import { useWritingApp } from './writing-app.js';

const MIB = 1024 * 1024;
const kilobyte = Buffer.alloc(1024, 'x');
const megabyte = Buffer.alloc(MIB, 'x');

const times = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, index) => make(index));

const log = new SqlLog();
const { app, outbox, playground, inTransaction, refusalOf, rows, types } = useWritingApp({
  options: { emit: { maxPayload: 32 * MIB } },
  dataSource: { logger: log },
});
afterEach(() => {
  jest.restoreAllMocks();
});

/** What TypeORM asks when it opens a data source. */
const CONNECTING = ['SELECT version()', 'SELECT * FROM current_schema()'];

/** The `INSERT`s that one transaction with `emitMany()` needs, and the ids that returns. */
async function emitMany(events: Parameters<ReturnType<typeof outbox>['emitMany']>[0]) {
  let ids: string[] = [];
  const sent = await log.during(() =>
    inTransaction(async (manager) => {
      ids = await outbox().emitMany(manager, events);
    }),
  );
  // The log is that of the process: the outbox's own connections may be opened meanwhile.
  const ours = sent.filter((statement) => !CONNECTING.includes(statement));
  expect([ours.at(0), ours.at(-1)]).toEqual(['START TRANSACTION', 'COMMIT']);
  return { ids, inserts: ours.slice(1, -1) };
}

const inserts = (count: number) => times(count, () => expect.stringMatching(/^INSERT INTO /));

/** Without their payloads. */
const ids = async () =>
  (await playground().sql<{ id: string }>(`SELECT id FROM ${playground().name}.outbox ORDER BY seq`)).map(
    ({ id }) => id,
  );

describe('emitMany', () => {
  test('writes ten thousand events of many keys, delays and headers with one statement, in order', async () => {
    const due = new Date('2035-01-01T00:00:00.000Z');
    const events = times(10_000, (index) => ({
      type: `order.t${index % 7}`,
      payload: { index },
      ...(index % 2 === 0 && { key: `order-${index % 501}` }),
      ...(index % 3 === 0 && { headers: { index, text: `"${index}", {\\}` } }),
      ...(index % 5 === 0 && { availableAt: due }),
      ...(index % 5 === 1 && { delay: index }),
    }));
    const emitted = await emitMany(events);
    expect(emitted.inserts).toEqual(inserts(1));
    const written = await playground().sql(
      `SELECT id, type, convert_from(payload, 'UTF8') AS payload, key, headers,
       CASE available_at WHEN $1 THEN 'due' ELSE round(extract(epoch FROM available_at - created_at) * 1000)::text END
       AS available FROM ${playground().name}.outbox ORDER BY seq`,
      [due],
    );
    expect(written).toEqual(
      events.map(({ type, payload, key = null, headers, availableAt, delay }, index) => ({
        id: emitted.ids[index],
        type,
        payload: JSON.stringify(payload),
        key,
        headers: headers ? JSON.stringify(headers) : null,
        available: availableAt ? 'due' : (delay?.toString() ?? null),
      })),
    );
  });

  test('writes a hundred thousand events of 1 KiB with ten statements, in order', async () => {
    const events = times(100_000, (index) => ({
      type: 'order.placed',
      payload: kilobyte,
      key: `${index % 97}`,
    }));
    const emitted = await emitMany(events);
    expect(emitted.inserts).toEqual(inserts(10));
    expect(await ids()).toEqual(emitted.ids);
    expect(
      await playground().sql(`SELECT DISTINCT length(payload), xid = min(xid) OVER () AS same
       FROM ${playground().name}.outbox`),
    ).toEqual([{ length: 1024, same: true }]);
  });

  test('sends no more than 16 MiB of payloads at once', async () => {
    const emitted = await emitMany(times(40, () => ({ type: 'file.stored', payload: megabyte })));
    expect(emitted.inserts).toEqual(inserts(3));
    expect(await ids()).toEqual(emitted.ids);
  });

  test('gives an event that is larger than that a statement of its own', async () => {
    const small = { type: 'small', payload: {} };
    const large = { type: 'large', payload: Buffer.alloc(20 * MIB) };
    expect((await emitMany([small, small, large, small])).inserts).toEqual(inserts(3));
    expect(await types()).toEqual(['small', 'small', 'large', 'small']);
  });

  test('counts headers, which can be larger than the payload', async () => {
    const headers = { text: 'x'.repeat(40_000) };
    const emitted = await emitMany(times(1_000, () => ({ type: 'a', payload: {}, headers })));
    expect(emitted.inserts).toEqual(inserts(3));
    expect(await ids()).toEqual(emitted.ids);
  });

  test.each([0, 12_345, 19_999])('writes none of twenty thousand when number %i is refused', async (bad) => {
    const events = times(20_000, (index) => ({ type: index === bad ? 'not a type' : 'fine', payload: {} }));
    const sent = await log.during(async () => {
      const refusal = await refusalOf((manager) => outbox().emitMany(manager, events));
      expect(refusal).toMatchObject({ code: 'OUTBOX_INVALID_EVENT_TYPE' });
    });
    expect(sent).toEqual(['START TRANSACTION', ...inserts(1), 'COMMIT']);
  });

  test('writes none when the last payload of several statements is too large', async () => {
    const events = times(20, () => ({ type: 'fine', payload: megabyte }));
    const tooLarge = { type: 'too.large', payload: Buffer.alloc(32 * MIB + 1) };
    const refusal = await refusalOf((manager) => outbox().emitMany(manager, [...events, tooLarge]));
    expect(refusal).toBeInstanceOf(PayloadTooLargeError);
  });

  test('leaves nothing of all its statements when the transaction rolls back', async () => {
    const work = inTransaction(async (manager) => {
      await outbox().emitMany(
        manager,
        times(10_001, () => ({ type: 'a', payload: {} })),
      );
      throw new Error('changed my mind');
    });
    await expect(work).rejects.toThrow('changed my mind');
    expect(await rows()).toEqual([]);
  });

  test('writes an id once, also when it comes again in a later statement, and says so', async () => {
    const said = jest.spyOn(Logger.prototype, 'debug').mockImplementation(() => undefined);
    const id = '018f3c1e-7f6a-7cc2-9b1d-2f3a4b5c6d7e';
    const events = times(10_001, (index) => ({
      type: `t${index}`,
      payload: {},
      ...(index % 10_000 === 0 && { id }),
    }));
    const emitted = await emitMany(events);
    expect(emitted.inserts).toEqual(inserts(2));
    expect(await ids()).toEqual(emitted.ids.slice(0, -1));
    expect(said.mock.calls.map(([message]) => message as string)).toEqual([
      '1 of 10001 events are in the outbox already: an id is written once.',
    ]);
  });

  test('of an empty list sends nothing, wakes nobody and resolves to no ids', async () => {
    const wake = jest.spyOn(app().relay, 'wake');
    expect(await emitMany([])).toEqual({ ids: [], inserts: [] });
    expect(wake).not.toHaveBeenCalled();
  });

  test('wakes the relay once, however many statements it took', async () => {
    const wake = jest.spyOn(app().relay, 'wake');
    await emitMany(times(20_001, () => ({ type: 'a', payload: {} })));
    expect(wake).toHaveBeenCalledTimes(1);
  });
});

describe("emitMany with emit.ordering 'commit'", () => {
  const sql = new SqlLog();
  const ordered = useWritingApp({ options: { emit: { ordering: 'commit' } }, dataSource: { logger: sql } });

  test('takes the locks of all its statements with the first one', async () => {
    const { dataSource } = ordered.app();
    const holder = dataSource.createQueryRunner();
    await holder.startTransaction();
    await ordered.outbox().emit(holder, 'first', {}, { key: 'last' });
    const events = times(18, (index) => ({
      type: 'second',
      payload: megabyte,
      key: index === 17 ? 'last' : 'others',
    }));
    let emitting: Promise<unknown> = Promise.resolve();
    const sentWhileWaiting = await sql.during(async () => {
      emitting = ordered.inTransaction((manager) => ordered.outbox().emitMany(manager, events));
      await eventually(async () => {
        const waiting = await ordered.playground().sql(
          `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
           AND classid = '${ordered.playground().name}.outbox'::regclass`,
        );
        return waiting.length > 0;
      });
    });
    expect(sentWhileWaiting).toEqual(['START TRANSACTION', ...inserts(1)]);
    await holder.commitTransaction();
    await holder.release();
    await emitting;
    expect(await ordered.types()).toEqual(['first', ...events.map(({ type }) => type)]);
  });
});
