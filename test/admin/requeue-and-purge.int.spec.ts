import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { OutboxLifecycle } from 'nestjs-rabbitmq-outbox';
import { eventually } from '../support/outbox-app.js';
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

describe('requeue', () => {
  test('has what died at publishing published, with the same id and a fresh budget', async () => {
    const ids = await stage.die(3);
    await stage.mend();
    const report = await stage.letters.requeue({ where: 'publishing' });
    expect(report).toEqual({
      done: 3,
      places: { publishing: 3 },
      failed: 0,
      untried: 0,
      problems: [],
      dryRun: false,
      cancelled: false,
    });
    await eventually(async () => (await stage.states(ids)).every((state) => state === 'published'));
    const channel = await stage.playground.channel();
    await channel.deleteExchange(stage.nowhere);
    await channel.close();
  });

  test('of a row keeps its place: before what waited behind it for its key, and what came later still', async () => {
    const { emit, relay } = stage.app;
    const options = { key: 'order-9' };
    const [dead] = await stage.die(1, () => options);
    const parked = await emit('order.parked', {}, options);
    await relay.drain();
    expect(await stage.states([parked])).toEqual(['pending']);
    await stage.mend();
    await stage.letters.requeue(dead as string);
    const late = await emit('order.late', {}, options);
    const ids = [dead as string, parked, late];
    await eventually(async () => (await stage.states(ids)).every((state) => state === 'published'));
    const rows = await stage.playground.sql<{ id: string }>(
      `SELECT id FROM ${stage.playground.name}.outbox WHERE key = 'order-9' ORDER BY published_at, seq`,
    );
    expect(idsOf(rows)).toEqual(ids);
    const channel = await stage.playground.channel();
    await channel.deleteExchange(stage.nowhere);
    await channel.close();
  });

  test('has what died at a handler handled by it, by no other, as a first attempt', async () => {
    const ids = await stage.fail(3);
    stage.desk.broken = false;
    expect(
      await stage.letters.requeue({ where: stage.queue('invoice'), ids: ids.slice(0, 2) }),
    ).toMatchObject({
      done: 2,
      places: { [stage.queue('invoice')]: 2 },
    });
    await eventually(() => stage.desk.handled.length === 2);
    expect(stage.desk.idsOf('invoice')).toEqual(ids.slice(0, 2));
    expect(stage.desk.handled.map(({ context }) => context)).toMatchObject(
      ids.slice(0, 2).map((id) => ({ id, attempt: 1, routingKey: 'invoice.sent', type: 'invoice.sent' })),
    );
    expect(await stage.letters.counts({ where: `${stage.playground.name}.Desk.*` })).toEqual([
      { where: stage.queue('archive'), count: 3 },
      { where: stage.queue('invoice'), count: 1 },
    ]);
  });

  test('of an id puts it back wherever it rests', async () => {
    const [id] = await stage.fail(1);
    stage.desk.broken = false;
    expect((await stage.letters.requeue(id as string)).done).toBe(2);
    await eventually(() => stage.desk.handled.length === 2);
    expect([stage.desk.idsOf('invoice'), stage.desk.idsOf('archive')]).toEqual([[id], [id]]);
  });

  test('of what fails again ends: what dies during it is left alone, with all of its history', async () => {
    const ids = await stage.fail(40, () => 'letter.sent');
    const report = await stage.letters.requeue({ type: 'letter.#' });
    expect(report).toMatchObject({ done: 40, failed: 0 });
    const again = await eventually(async () => {
      const letters = await stage.all({ where: stage.queue('archive') });
      return letters.length === 40 && letters;
    });
    expect(idsOf(again).sort()).toEqual([...ids].sort());
    expect(again.map(({ attempts, errors }) => [attempts, errors.length])).toEqual(again.map(() => [1, 2]));
  });

  test('with dryRun only counts', async () => {
    await stage.die(2);
    await stage.fail(3);
    expect(await stage.letters.requeue({ all: true }, { dryRun: true })).toMatchObject({
      done: 8,
      places: { publishing: 2, [stage.queue('archive')]: 3, [stage.queue('invoice')]: 3 },
      dryRun: true,
    });
    expect((await stage.letters.purge({ error: 'archive' }, { dryRun: true })).done).toBe(3);
    expect(await stage.all()).toHaveLength(8);
  });

  test('goes as fast as it may and no faster, tells how far it is, and can be ended', async () => {
    await stage.fail(60, () => 'letter.sent');
    stage.desk.broken = false;
    const stopping = new AbortController();
    const seen: number[] = [];
    const before = performance.now();
    const report = await stage.letters.requeue(
      { where: stage.queue('archive') },
      {
        rate: 40,
        signal: stopping.signal,
        onProgress: ({ where, done, looked, of }) => {
          expect([where, of]).toEqual([stage.queue('archive'), 60]);
          expect(looked).toBe(done);
          seen.push(done);
          if (done >= 20) stopping.abort();
        },
      },
    );
    expect(performance.now() - before).toBeGreaterThan(300);
    expect(report).toMatchObject({ done: seen.at(-1), cancelled: true });
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    // RabbitMQ counts what is put back a moment later.
    await eventually(async () => {
      const [rest] = await stage.letters.counts({ where: stage.queue('archive') });
      return rest?.count === 60 - report.done;
    });
    await eventually(() => stage.desk.handled.length === report.done);
  });

  test('leaves where it is what has no handler’s queue any more, and says so', async () => {
    const gone = `${stage.playground.name}.Gone.handle`;
    stage.playground.remember('queue', `${gone}.dlq`);
    const channel = await stage.playground.channel();
    await channel.assertQueue(`${gone}.dlq`, { arguments: { 'x-queue-type': 'quorum' } });
    channel.sendToQueue(`${gone}.dlq`, Buffer.from('{}'), { messageId: 'lost' });
    await eventually(async () => (await stage.letters.counts({ where: gone }))[0]?.count === 1);
    expect(await stage.letters.requeue({ where: gone })).toMatchObject({
      done: 0,
      failed: 1,
      problems: [{ where: gone, error: expect.stringContaining('There is no queue'), ids: ['lost'] }],
    });
    expect((await stage.letters.counts({ where: gone }))[0]?.count).toBe(1);
  });

  test.each([1_000, 15])(
    'of what is unclaimed puts back what can be, past what cannot, at a rate of %p',
    async (rate) => {
      const unclaimed = `${stage.playground.name}.unclaimed`;
      const channel = await stage.playground.channel();
      const lose = (home: string, id: string) =>
        channel.publish(unclaimed, home, Buffer.from('{}'), {
          messageId: id,
          type: 'letter.sent',
          contentType: 'application/json',
        });
      for (let index = 0; index < 5; index++)
        lose(`${stage.playground.name}.Gone.handle`, `homeless${index}`);
      lose(stage.queue('archive'), 'found');
      await eventually(async () => (await stage.letters.counts({ where: unclaimed }))[0]?.count === 6);
      stage.desk.broken = false;
      expect(await stage.letters.requeue({ where: unclaimed }, { rate })).toMatchObject({
        done: 1,
        failed: 5,
        untried: 0,
        problems: [{ error: expect.stringContaining('There is no queue') }],
      });
      await eventually(() => stage.desk.handled.length === 1);
      expect(stage.desk.idsOf('archive')).toEqual(['found']);
      await channel.close();
    },
  );

  test('and purge are told of on the lifecycle, with what went where', async () => {
    const told: unknown[] = [];
    const lifecycle = stage.app.app.get(OutboxLifecycle);
    const stops = [
      lifecycle.on('requeued', ({ where, count, ids }) => told.push(['requeued', where, count, ids])),
      lifecycle.on('purged', ({ where, count, ids }) => told.push(['purged', where, count, ids])),
    ];
    const [dead] = await stage.die(1);
    const [failed] = await stage.fail(1, () => 'letter.sent');
    await stage.letters.requeue({ all: true }, { dryRun: true });
    await stage.letters.requeue(dead as string);
    await eventually(async () => (await stage.states([dead as string]))[0] === 'dead');
    await stage.letters.purge([dead as string, failed as string]);
    const others = await stage.fail(2, () => 'letter.sent');
    await stage.letters.purge({ where: stage.queue('archive') });
    expect(told).toEqual([
      ['requeued', 'publishing', 1, [dead]],
      ['purged', 'publishing', 1, [dead]],
      ['purged', stage.queue('archive'), 1, [failed]],
      ['purged', stage.queue('archive'), 2, others],
    ]);
    for (const stop of stops) stop();
  });
});

describe('purge', () => {
  test('deletes what the filter asks for, and nothing else', async () => {
    const dead = await stage.die(2, (index) => ({ type: `order.${index}` }));
    const failed = await stage.fail(4, (index) => (index % 2 === 0 ? 'letter.sent' : 'letter.read'));
    expect((await stage.letters.purge({ type: ['order.0', 'letter.read'] })).done).toBe(3);
    expect(idsOf(await stage.all())).toEqual([dead[1], failed[0], failed[2]]);
    expect(await stage.states(dead)).toEqual(['dead']);
  });

  test('of no more than were seen leaves what has died since', async () => {
    await stage.die(1);
    await stage.fail(2, () => 'letter.sent');
    const { places } = await stage.letters.purge({ all: true }, { dryRun: true });
    const late = [
      ...(await stage.die(1)),
      ...(await stage.fail(2, (index) => (index === 0 ? 'letter.sent' : 'invoice.sent'))),
    ];
    expect(await stage.letters.purge({ all: true }, { atMost: places })).toMatchObject({ done: 3, places });
    const left = (await stage.all()).map(({ where, id }) => [where, id]);
    expect(left).toEqual([
      ['publishing', late[0]],
      [stage.queue('archive'), late[1]],
      [stage.queue('archive'), late[2]],
      [stage.queue('invoice'), late[2]],
    ]);
    await expect(stage.letters.purge({ all: true }, { atMost: { publishing: -1 } })).rejects.toThrow(
      'atMost',
    );
  });

  describe('of a row', () => {
    const key = 'order-7';
    let arrived: string[];
    let listening: Awaited<ReturnType<Stage['playground']['channel']>>;
    beforeEach(async () => {
      arrived = [];
      listening = await stage.playground.channel();
      const { queue } = await listening.assertQueue('', { exclusive: true });
      await listening.bindQueue(queue, stage.playground.name, 'order.#');
      await listening.consume(queue, (message) => void arrived.push(message?.properties.messageId), {
        noAck: true,
      });
    });
    afterEach(() => listening.close());

    const emit = (count: number) =>
      stage.app.dataSource.transaction((manager) =>
        stage.app.outbox.emitMany(
          manager,
          Array.from({ length: count }, (_, number) => ({ type: 'order.parked', payload: { number }, key })),
        ),
      );

    test('lets what waited behind it for its key go ahead at once and in order, before what comes later', async () => {
      const [dead] = await stage.die(1, () => ({ key }));
      const parked = await emit(300);
      await stage.app.relay.drain();
      expect(arrived).toEqual([]);
      const before = performance.now();
      await stage.letters.purge(dead as string);
      const late = await emit(20);
      await eventually(() => arrived.length === 320);
      expect(arrived).toEqual([...parked, ...late]);
      // Not by the relay's look at everything, every five seconds.
      expect(performance.now() - before).toBeLessThan(4_000);
      expect(await stage.states([dead as string])).toEqual([]);
    });

    test('leaves what waits for another dead one of its key where it is', async () => {
      const [first, second] = (await stage.die(2, (index) => ({ key: `${key}-${index}` }))) as [
        string,
        string,
      ];
      const outbox = `${stage.playground.name}.outbox`;
      await stage.playground.sql(
        `UPDATE ${outbox} SET key = $2, lane = (SELECT lane FROM ${outbox} WHERE id = $3) WHERE id = ANY ($1)`,
        [[first, second], `${key}-0`, first],
      );
      const parked = await stage.app.emit('order.parked', {}, { key: `${key}-0` });
      await stage.letters.purge(first);
      await stage.app.relay.drain();
      expect(await stage.states([parked])).toEqual(['pending']);
      await stage.letters.purge(second);
      await eventually(() => arrived.length === 1);
      expect(arrived).toEqual([parked]);
    });
  });
});
