import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { DeadLetters, InvalidDeadLetterFilterError } from 'nestjs-rabbitmq-outbox';
import { eventually, startApp } from '../support/outbox-app.js';
import { openStage, type Stage } from './stage.js';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage?.close());
afterEach(async () => {
  stage.desk.broken = true;
  stage.desk.handled.length = 0;
  await stage.letters.purge({ all: true });
});

const idsOf = (letters: ReadonlyArray<{ id: string }>) => letters.map(({ id }) => id);

describe('dead letters', () => {
  test('are one model, wherever they died', async () => {
    const before = Date.now();
    const [unpublished] = await stage.die(1, () => ({ key: 'order-1' }));
    const [unhandled] = await stage.fail(1, () => 'invoice.paid');
    const letters = await stage.all();
    expect(letters).toEqual([
      {
        id: unpublished,
        type: 'order.placed',
        key: 'order-1',
        where: 'publishing',
        payload: { number: 0 },
        undecodable: null,
        contentType: 'application/json',
        headers: {},
        correlationId: null,
        attempts: 1,
        errors: [{ attempt: 1, at: expect.any(String), error: expect.stringContaining('NOT_FOUND') }],
        error: expect.stringContaining(stage.nowhere),
        stack: null,
        firstFailedAt: expect.any(Date),
        lastFailedAt: expect.any(Date),
        occurredAt: expect.any(Date),
      },
      {
        id: unhandled,
        type: 'invoice.paid',
        key: null,
        where: stage.queue('invoice'),
        payload: { number: 0 },
        undecodable: null,
        contentType: 'application/json',
        headers: {},
        correlationId: null,
        attempts: 2,
        errors: [
          { attempt: 1, at: expect.any(String), error: 'Error: invoice is broken' },
          { attempt: 2, at: expect.any(String), error: 'Error: invoice is broken' },
        ],
        error: 'Error: invoice is broken',
        stack: expect.stringContaining('Desk.'),
        firstFailedAt: expect.any(Date),
        lastFailedAt: expect.any(Date),
        occurredAt: expect.any(Date),
      },
    ]);
    for (const { occurredAt, firstFailedAt, lastFailedAt } of letters) {
      for (const date of [occurredAt, firstFailedAt, lastFailedAt])
        expect(Math.abs((date?.getTime() ?? 0) - before)).toBeLessThan(60_000);
      expect(firstFailedAt?.getTime()).toBeLessThanOrEqual(lastFailedAt?.getTime() ?? 0);
    }
  });

  test('of one event are found wherever it rests, by its id', async () => {
    const [id] = await stage.fail(2);
    const found = await stage.letters.get(id as string);
    expect(found.map(({ where, id: theirs }) => [where, theirs])).toEqual([
      [stage.queue('archive'), id],
      [stage.queue('invoice'), id],
    ]);
    expect(await stage.letters.get(id as string, { where: stage.queue('invoice') })).toHaveLength(1);
    expect(await stage.letters.get('0199f0aa-0000-7000-8000-000000000000')).toEqual([]);
  });

  test('come page by page, place by place, all of them once', async () => {
    const dead = await stage.die(5);
    const failed = await stage.fail(4);
    const letters = await stage.all({ limit: 2 });
    expect(letters.map(({ where, id }) => [where, id])).toEqual([
      ...dead.map((id) => ['publishing', id]),
      ...failed.map((id) => [stage.queue('archive'), id]),
      ...failed.map((id) => [stage.queue('invoice'), id]),
    ]);
    expect((await stage.letters.list({ limit: 14 })).next).toBeUndefined();
  });

  test('have a next page that begins where the last one ended, though what was shown is gone', async () => {
    const ids = await stage.fail(6, () => 'letter.sent');
    const first = await stage.letters.list({ limit: 2, where: stage.queue('archive') });
    await stage.letters.purge(idsOf(first.letters));
    const second = await stage.letters.list({
      limit: 2,
      where: stage.queue('archive'),
      cursor: first.next as string,
    });
    expect(idsOf(second.letters)).toEqual(ids.slice(2, 4));
  });

  test('are found by filters, the same ones everywhere', async () => {
    const [order, user] = await stage.die(2, (index) =>
      index === 0 ? { type: 'order.placed', key: 'k1' } : { type: 'user.created' },
    );
    const [sent, paid, letter] = await stage.fail(
      3,
      (index) => ['invoice.sent', 'invoice.paid', 'letter.sent'][index] as string,
    );
    const found = async (filter: Parameters<DeadLetters['list']>[0]) => idsOf(await stage.all(filter));
    expect(await found({ where: 'publishing' })).toEqual([order, user]);
    expect(await found({ where: stage.queue('invoice') })).toEqual([sent, paid]);
    expect(await found({ where: `${stage.playground.name}.#` })).toEqual([sent, letter, sent, paid]);
    expect(await found({ where: ['publishing', stage.queue('archive')] })).toEqual([
      order,
      user,
      sent,
      letter,
    ]);
    expect(await found({ where: 'nobody.has.heard.of.it' })).toEqual([]);
    expect(await found({ type: '*.sent' })).toEqual([sent, letter, sent]);
    expect(await found({ type: ['user.#', 'invoice.paid'] })).toEqual([user, paid]);
    expect(await found({ key: 'k1' })).toEqual([order]);
    expect(await found({ error: 'ARCHIVE is broken' })).toEqual([sent, letter]);
    expect(await found({ error: 'not_found' })).toEqual([order, user]);
    expect(await found({ ids: [user as string, paid as string] })).toEqual([user, paid]);
    const archived = await stage.all({ where: stage.queue('archive') });
    const last = Math.max(...archived.map(({ lastFailedAt }) => lastFailedAt?.getTime() ?? 0));
    const since = { where: stage.queue('archive'), failedAfter: new Date(last) };
    expect(await found(since)).toEqual(
      idsOf(archived.filter(({ lastFailedAt }) => lastFailedAt?.getTime() === last)),
    );
    expect(await found({ failedAfter: new Date(Date.now() + 60_000) })).toEqual([]);
    expect(await found({ failedBefore: new Date(Date.now() - 3_600_000).toISOString() })).toEqual([]);
  });

  test('with a payload that cannot be decoded have its bytes, and the reason', async () => {
    const { dataSource, outbox } = stage.app;
    await dataSource.transaction((manager) =>
      outbox.emit(manager, 'order.placed', Buffer.from('{"half'), {
        contentType: 'application/json',
        exchange: stage.nowhere,
      }),
    );
    const [letter] = await eventually(async () => {
      const letters = await stage.all();
      return letters.length > 0 && letters;
    });
    expect(letter).toMatchObject({
      payload: Buffer.from('{"half'),
      undecodable: expect.stringContaining('json'),
    });
  });

  test('are counted by place', async () => {
    await stage.die(2);
    await stage.fail(1, () => 'letter.sent');
    expect(await stage.letters.counts()).toEqual([
      { where: 'publishing', count: 2 },
      { where: stage.queue('archive'), count: 1 },
      { where: stage.queue('invoice'), count: 0 },
      { where: `${stage.playground.name}.unclaimed`, count: 0 },
    ]);
  });

  test('of handlers are found by a process that has none', async () => {
    const ids = await stage.fail(3);
    const other = await startApp(stage.playground, {
      options: { relay: { enabled: false }, consumers: { enabled: false } },
    });
    const { letters } = await other.app.get(DeadLetters).list({ where: stage.queue('invoice') });
    expect(idsOf(letters)).toEqual(ids);
    expect(await other.app.get(DeadLetters).counts()).toEqual(await stage.letters.counts());
    await other.close();
  });
});

describe('what is not clear enough to act on', () => {
  test.each<[string, unknown]>([
    ['an empty filter', {}],
    ['a filter of undefined', { type: undefined }],
    ['no ids', []],
    ['an empty id', ''],
    ['nothing', undefined],
    ['all: false', { all: false }],
    ['all and more', { all: true, type: 'order.placed' }],
    ['an unknown criterion', { topic: 'order.placed' }],
    ['an empty place', { where: '' }],
    ['a pattern that is none', { type: 'order.**' }],
    ['a time that is none', { failedBefore: 'yesterday' }],
    ['a key that is no text', { key: 7 }],
  ])('is refused, and nothing done: %s', async (_what, target) => {
    const [id] = await stage.die(1);
    for (const action of ['requeue', 'purge'] as const)
      await expect(stage.letters[action](target as string)).rejects.toThrow(InvalidDeadLetterFilterError);
    expect(await stage.states([id as string])).toEqual(['dead']);
  });

  test.each([{ limit: 0 }, { limit: 1.5 }, { limit: 100_000 }, { cursor: 'made up' }, { cursor: '' }])(
    'is refused in a list: %p',
    async (options) => {
      await expect(stage.letters.list(options)).rejects.toThrow(InvalidDeadLetterFilterError);
    },
  );

  test('is refused in a rate', async () => {
    await expect(stage.letters.requeue({ all: true }, { rate: 0 })).rejects.toThrow(
      InvalidDeadLetterFilterError,
    );
  });
});
