import { describe, expect, test } from '@jest/globals';
import { DeadLettersBusyError, HandlerQueueMissingError } from 'nestjs-rabbitmq-outbox';
import type { QueuedDeadLetter } from '../../../lib/broker/dead-letters.js';
import { eventually } from '../../support/outbox-app.js';
import { useDeadLetterQueues } from './dead-letter-queues.js';

describe.each(['quorum', 'classic'])('dead letters on %s queues', (type) => {
  const {
    playground,
    channel,
    handler,
    dlq,
    connections,
    operator,
    hold,
    bury,
    numbers,
    idsOf,
    all,
    drain,
    drainIds,
  } = useDeadLetterQueues(type);

  test('reach the handler’s queue as new as they were, with their id and their history', async () => {
    const headers = {
      tenant: 'a',
      'outbox-key': 'order-1',
      'outbox-routing-key': 'order.placed',
      'outbox-attempt': 3,
      'outbox-consumer': handler(),
      'outbox-error-type': 'Error',
      'outbox-error-message': 'no printer',
      'outbox-error-stack': 'Error: no printer\n    at …',
      'outbox-error-at': '2026-03-01T10:00:09.000Z',
      'outbox-errors': '[[2,1772359200000,"Error: no paper"]]',
    };
    const properties = {
      messageId: 'm1',
      type: 'order.placed',
      contentType: 'application/json',
      appId: 'shop',
      headers,
    };
    channel().sendToQueue(dlq(), Buffer.from('{"a":1}'), { ...properties, expiration: '600000' });
    await channel().waitForConfirms();
    const held = await hold(operator());
    const [letter] = await held.next(1);
    expect(letter).toMatchObject({
      message: {
        id: 'm1',
        type: 'order.placed',
        routingKey: 'order.placed',
        key: 'order-1',
        headers: { tenant: 'a' },
      },
      attempts: 3,
      errors: [
        { attempt: 2, at: '2026-03-01T10:00:00.000Z', error: 'Error: no paper' },
        { attempt: 3, at: '2026-03-01T10:00:09.000Z', error: 'Error: no printer' },
      ],
      stack: 'Error: no printer\n    at …',
    });
    await held.requeue([letter as QueuedDeadLetter]);
    await held.release();
    const [message] = await drain(handler(), 1);
    expect(message?.content.toString()).toBe('{"a":1}');
    expect(message?.properties).toMatchObject({
      ...properties,
      expiration: undefined,
      deliveryMode: 2,
      headers: {},
    });
    const { 'x-delivery-count': _, ...sent } = message?.properties.headers ?? {};
    expect(sent).toEqual({
      tenant: 'a',
      'outbox-key': 'order-1',
      'outbox-routing-key': 'order.placed',
      'outbox-errors': '[[2,1772359200000,"Error: no paper"],[3,1772359209000,"Error: no printer"]]',
    });
  });

  test('stay where they are when their handler’s queue is not there', async () => {
    await channel().deleteQueue(handler());
    await bury(1, 2);
    const held = await hold(operator());
    const errors = await held.requeue(await held.next(10));
    expect(errors).toEqual([expect.any(HandlerQueueMissingError), expect.any(HandlerQueueMissingError)]);
    await held.release();
    expect(await drainIds(dlq(), 2)).toEqual(['m1', 'm2']);
  });

  test('that are there twice are not lost when their handler’s queue is not there', async () => {
    await channel().deleteQueue(handler());
    await bury(1, 1);
    await bury(1, 1);
    const held = await hold(operator());
    expect(await held.requeue(await held.next(10))).toEqual([
      expect.any(HandlerQueueMissingError),
      expect.any(HandlerQueueMissingError),
    ]);
    await held.release();
    expect(await drainIds(dlq(), 2)).toEqual(['m1', 'm1']);
  });

  test('are one operator’s at a time; the next sees all of them, in order', async () => {
    await bury(1, 10);
    const first = await hold(operator());
    expect(idsOf(await first.next(3))).toEqual(numbers(1, 3));
    const second = hold(operator());
    expect(
      await Promise.race([
        second.then(() => 'in'),
        new Promise((resolve) => setTimeout(resolve, 500, 'waiting')),
      ]),
    ).toBe('waiting');
    await first.release();
    const held = await second;
    expect(idsOf(await all(held))).toEqual(numbers(1, 10));
    await held.release();
    expect(await drainIds(dlq(), 10)).toEqual(numbers(1, 10));
  });

  test('are looked at in turns by one process, too', async () => {
    await bury(1, 10);
    const queues = operator();
    const looks = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const held = await hold(queues);
        const ids = idsOf(await all(held, 4));
        await held.release();
        return ids;
      }),
    );
    expect(looks).toEqual(Array.from({ length: 5 }, () => numbers(1, 10)));
    expect(await drainIds(dlq(), 10)).toEqual(numbers(1, 10));
  });

  test('are not waited for when whoever asks has given up', async () => {
    await bury(1, 1);
    const [busy, other] = [operator(), operator()];
    const first = await hold(busy);
    for (const queues of [busy, other]) {
      const stopping = new AbortController();
      const waiting = queues.hold(handler(), stopping.signal);
      setTimeout(() => stopping.abort(), 200);
      await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    }
    await first.release();
    const again = await hold(busy);
    expect(await again.next(10)).toHaveLength(1);
    await again.release();
  });

  test('are refused, saying why, when another operator does not let go', async () => {
    await bury(1, 1);
    const first = await hold(operator());
    await expect(operator().hold(handler())).rejects.toThrow(DeadLettersBusyError);
    await first.release();
  });

  test('are not lost when an operator dies in the middle of a requeue, and come in order', async () => {
    await bury(1, 300);
    const queues = operator();
    const held = await hold(queues);
    await held.requeue((await held.next(100)).slice(0, 50));
    const letters = await held.next(100);
    const requeuing = held.requeue(letters);
    connections.at(-1)?.reconnect(); // Cuts the connection, as a death would.
    await requeuing.catch(() => undefined);
    await held.release();
    const requeued = await eventually(async () => {
      const { messageCount } = await channel().checkQueue(handler());
      const { messageCount: resting } = await channel().checkQueue(dlq());
      return messageCount + resting >= 300 && { messageCount, resting };
    });
    const back = await drainIds(handler(), requeued.messageCount);
    const left = await drainIds(dlq(), requeued.resting);
    expect([...new Set([...back, ...left])].sort()).toEqual(numbers(1, 300).sort());
    expect(left).toEqual(numbers(1, 300).filter((id) => left.includes(id)));
  });

  test('of the broker’s own making tell why, and have the routing key they were published with', async () => {
    const exchange = `${playground().name}.x`;
    playground().remember('exchange', exchange);
    playground().remember('queue', `${handler()}.short`);
    await channel().assertExchange(exchange, 'topic');
    await channel().deleteQueue(`${handler()}.short`);
    await channel().assertQueue(`${handler()}.short`, {
      arguments: {
        'x-queue-type': type,
        'x-message-ttl': 1,
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': dlq(),
      },
    });
    await channel().bindQueue(`${handler()}.short`, exchange, '#');
    channel().publish(exchange, 'order.placed', Buffer.from('first'), { type: 'order.placed' });
    channel().publish(exchange, 'order.placed', Buffer.from('second'), { type: 'order.placed' });
    await eventually(async () => (await channel().checkQueue(dlq())).messageCount === 2);
    const looks = [];
    for (let time = 1; time <= 2; time++) {
      const held = await hold(operator());
      looks.push(await all(held));
      await held.release();
    }
    const [[first, second], again] = looks as [[QueuedDeadLetter, QueuedDeadLetter], QueuedDeadLetter[]];
    expect(first).toMatchObject({
      message: { id: expect.stringMatching(/^anonymous-[0-9a-f]{16}$/), routingKey: 'order.placed' },
      attempts: 1,
      errors: [{ attempt: 1, error: 'RabbitMQ (expired): it expired before it was handled' }],
    });
    expect(Math.abs(Date.parse(first.errors[0]?.at ?? '') - Date.now())).toBeLessThan(60_000);
    expect(first.message.id).not.toBe(second.message.id);
    expect(idsOf(again)).toEqual(idsOf([first, second]));
  });

  test('of retries that nobody claimed go to the queue they were for', async () => {
    const unclaimed = `${playground().name}.unclaimed`;
    playground().remember('queue', unclaimed);
    await channel().deleteQueue(unclaimed);
    await channel().assertQueue(unclaimed, { arguments: { 'x-queue-type': type } });
    const fanout = `${playground().name}.unclaimed`;
    playground().remember('exchange', fanout);
    await channel().assertExchange(fanout, 'fanout');
    await channel().bindQueue(unclaimed, fanout, '');
    channel().publish(fanout, handler(), Buffer.from('1'), {
      messageId: 'm1',
      headers: { 'outbox-attempt': 2 },
    });
    await channel().waitForConfirms();
    const queues = operator();
    expect(queues.unclaimed).toBe(unclaimed);
    const held = await queues.hold(unclaimed);
    await held?.requeue((await held.next(10)) ?? []);
    await held?.release();
    expect(await drainIds(handler(), 1)).toEqual(['m1']);
  });

  test('are counted', async () => {
    const queues = operator();
    expect(await queues.count(handler())).toBe(0);
    await bury(1, 42);
    expect(await queues.count(handler())).toBe(42);
    expect(await queues.count('nobody')).toBeUndefined();
    expect(await queues.hold('nobody')).toBeUndefined();
  });
});
