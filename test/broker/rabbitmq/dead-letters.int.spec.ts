import { describe, expect, test } from '@jest/globals';
import { RabbitConnection } from '../../../lib/broker/rabbitmq/connection.js';
import { RabbitDeadLetterQueues } from '../../../lib/broker/rabbitmq/dead-letters/rabbit-dead-letter-queues.js';
import { silent, useDeadLetterQueues } from './dead-letter-queues.js';

describe.each(['quorum', 'classic'])('dead letters on %s queues', (type) => {
  const { channel, handler, dlq, closeLast, operator, hold, bury, numbers, idsOf, all, drainIds } =
    useDeadLetterQueues(type);

  test('are all there, in their order, after they were looked at, however often', async () => {
    await bury(1, 25);
    for (let time = 1; time <= 25; time++) {
      const held = await hold(operator());
      expect(idsOf(await all(held, 7))).toEqual(numbers(1, 25));
      await held.release();
      await closeLast();
    }
    expect(await drainIds(dlq(), 25)).toEqual(numbers(1, 25));
  });

  test('are in their order after one look at the first of them only', async () => {
    await bury(1, 10);
    const held = await hold(operator());
    expect(idsOf(await held.next(3))).toEqual(numbers(1, 3));
    await held.release();
    expect(await drainIds(dlq(), 10)).toEqual(numbers(1, 10));
  });

  test('that arrive meanwhile come behind the others', async () => {
    await bury(1, 5);
    const held = await hold(operator());
    expect(idsOf(await held.next(3))).toEqual(numbers(1, 3));
    await bury(6, 8);
    expect(idsOf(await all(held))).toEqual(numbers(4, 8));
    await bury(9, 9);
    await held.release();
    await bury(10, 10);
    expect(await drainIds(dlq(), 10)).toEqual(numbers(1, 10));
  });

  test('are requeued and removed by choice; the rest stays in order, over thousands of them', async () => {
    await bury(1, 5_000);
    const held = await hold(operator());
    const [kept, requeued]: [string[], string[]] = [[], []];
    for (let letters = await held.next(1_000); letters.length > 0; letters = await held.next(1_000)) {
      const chosen = (rest: number) =>
        letters.filter(({ message }) => Number(message.body.toString()) % 10 === rest);
      expect((await held.requeue(chosen(3))).filter(Boolean)).toEqual([]);
      await held.remove(chosen(7));
      requeued.push(...idsOf(chosen(3)));
      kept.push(
        ...idsOf(letters.filter((letter) => !chosen(3).includes(letter) && !chosen(7).includes(letter))),
      );
    }
    await held.release();
    expect(requeued).toHaveLength(500);
    expect(await drainIds(handler(), 500)).toEqual(requeued);
    expect(await drainIds(dlq(), 4_000)).toEqual(kept);
  });

  test('that were removed do not come back, however many at once, and wherever they stood', async () => {
    await bury(1, 1_000);
    const held = await hold(operator());
    const kept: string[] = [];
    for (let letters = await held.next(100); letters.length > 0; letters = await held.next(100)) {
      const odd = letters.filter((_, index) => index % 2 === 0);
      await held.remove(odd);
      kept.push(...idsOf(letters.filter((letter) => !odd.includes(letter))));
    }
    await held.release();
    expect(await drainIds(dlq(), kept.length)).toEqual(kept);
    // What a queue takes back it takes back at once.
    expect((await channel().checkQueue(dlq())).messageCount).toBe(0);
  });

  test('that were removed, held on several channels, do not come back, and the others are in order', async () => {
    await bury(1, 900);
    const held = await hold(operator());
    const kept: string[] = [];
    for (let letters = await held.next(12); letters.length > 0; letters = await held.next(12)) {
      await held.remove(letters.slice(0, 6));
      kept.push(...idsOf(letters.slice(6)));
    }
    await held.release();
    expect(await drainIds(dlq(), kept.length)).toEqual(kept);
  });

  test('are there for the next one, all of them, as soon as they are released', async () => {
    const count = 20_000;
    await bury(1, count);
    const queues = operator();
    const held = await hold(queues);
    expect(await all(held)).toHaveLength(count);
    await held.release();
    expect(await queues.count(handler())).toBe(count);
  });

  test('of any size come in windows that fit into memory', async () => {
    for (let number = 1; number <= 120; number++)
      channel().sendToQueue(dlq(), Buffer.alloc(1_000_000, number), { messageId: `m${number}` });
    await channel().waitForConfirms();
    const held = await hold(operator());
    const windows: number[] = [];
    const ids: string[] = [];
    for (let letters = await held.next(1_000); letters.length > 0; letters = await held.next(1_000)) {
      windows.push(letters.length);
      ids.push(...idsOf(letters));
    }
    await held.release();
    expect(ids).toEqual(numbers(1, 120));
    expect(windows[0]).toBe(100);
    const later = await hold(operator());
    await later.next(1);
    expect((await later.next(1_000)).length).toBeLessThan(50);
    await later.release();
  });
});

test('an operator is told that the broker cannot be reached', async () => {
  const connect = () =>
    new RabbitConnection({
      urls: ['amqp://127.0.0.1:1'],
      name: 'operator',
      heartbeat: 10_000,
      reconnectDelay: 100,
      logger: silent,
    });
  const queues = new RabbitDeadLetterQueues(connect, { exchange: 'x', publishTimeout: 5_000 });
  await expect(queues.count('shop.Invoicing.invoice')).rejects.toMatchObject({
    code: 'OUTBOX_BROKER_UNAVAILABLE',
    message: expect.stringContaining('ECONNREFUSED'),
  });
  await queues.close();
});
