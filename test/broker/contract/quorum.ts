import { expect } from '@jest/globals';
import type { Contract } from './client.js';
import { bodiesOf, closing, Inbox, numbered, refusal, untilWaiting } from './client.js';

export function quorumContract(keeps: Contract): void {
  keeps('counts in x-delivery-count how often a message came back', async (client) => {
    const queue = await client.quorumQueue();
    await client.send(queue, ['m'], { headers: { mine: 1 } });
    const inbox = await Inbox.on(client.channel, queue);
    let [message] = await inbox.next();
    expect(message?.properties.headers).toEqual({ mine: 1 });
    expect(message?.fields.redelivered).toBe(false);
    for (const round of [1, 2, 3]) {
      client.channel.nack(message!, false, true);
      [message] = await inbox.next();
      expect(message?.properties.headers).toEqual({ mine: 1, 'x-delivery-count': round });
      expect(message?.fields.redelivered).toBe(true);
    }
  });

  keeps('counts a closed channel as a return', async (client) => {
    const queue = await client.quorumQueue();
    await client.send(queue, ['m']);
    const channel = await client.anotherChannel();
    await (await Inbox.on(channel, queue)).next();
    await channel.close();
    const [message] = await client.take(queue, 1);
    expect(message?.properties.headers).toEqual({ 'x-delivery-count': 1 });
  });

  keeps('says 0 for a message it gives away one at a time for the first time', async (client) => {
    const queue = await client.quorumQueue();
    await client.send(queue, ['m']);
    await expect(client.channel.get(queue)).resolves.toMatchObject({
      fields: { redelivered: false },
      properties: { headers: { 'x-delivery-count': 0 } },
    });
  });

  keeps('moves a message that came back too often', async (client) => {
    const { exchange, queue: dead } = await client.tap();
    const queue = await client.quorumQueue({ 'x-delivery-limit': 2, 'x-dead-letter-exchange': exchange });
    await client.send(queue, ['m']);
    const inbox = await Inbox.on(client.channel, queue);
    for (let delivery = 0; delivery < 3; delivery++) {
      const [message] = await inbox.next();
      client.channel.nack(message!, false, true);
    }
    const [message] = await client.take(dead, 1);
    expect(message?.properties.headers).toMatchObject({
      'x-first-death-reason': 'delivery_limit',
      'x-death': [{ reason: 'delivery_limit', queue, count: 1 }],
    });
    expect(message?.properties.headers).not.toHaveProperty('x-delivery-count');
  });

  keeps('drops a message that came back too often when it has nowhere to move it', async (client) => {
    const queue = await client.quorumQueue({ 'x-delivery-limit': 0 });
    await client.send(queue, ['poison', 'good']);
    await client.channel.prefetch(1);
    const inbox = await Inbox.on(client.channel, queue);
    const [message] = await inbox.next();
    client.channel.nack(message!, false, true);
    await expect(inbox.nextBodies(1)).resolves.toEqual(['good']);
  });

  for (const [title, args, order] of [
    ['before what is new where there is a delivery limit', { 'x-delivery-limit': 9 }, 'm2 m0 m1 m3 m4'],
    ['after everything else where there is none', {}, 'm3 m4 m2 m0 m1'],
  ] as const) {
    keeps(`delivers what is sent back ${title}`, async (client) => {
      const queue = await client.quorumQueue(args);
      await client.send(queue, numbered(5));
      await client.channel.prefetch(3);
      const inbox = await Inbox.on(client.channel, queue);
      const messages = await inbox.next(3);
      await client.channel.cancel(inbox.tag);
      for (const index of [2, 0, 1]) client.channel.nack(messages[index]!, false, true);
      await untilWaiting(client.channel, queue, 5);
      await expect(client.take(queue, 5).then(bodiesOf)).resolves.toEqual(order.split(' '));
    });
  }

  keeps('gives back what a closed channel had not acknowledged in its order', async (client) => {
    const queue = await client.quorumQueue();
    await client.send(queue, numbered(5));
    const channel = await client.anotherChannel();
    await channel.prefetch(3);
    await (await Inbox.on(channel, queue)).next(3);
    await channel.close();
    await expect(client.take(queue, 5).then(bodiesOf)).resolves.toEqual(numbered(5));
  });

  keeps('refuses messages once it is full, until a fifth of it is free', async (client) => {
    const queue = await client.quorumQueue({ 'x-max-length': 5, 'x-overflow': 'reject-publish' });
    let taken = 0;
    // RabbitMQ notices that the limit is passed a moment after it happened.
    while ((await client.outcome(queue, 'm')) === 'ack') taken++;
    expect(taken).toBeGreaterThan(5);
    for (; taken > 5; taken--) await client.channel.get(queue, { noAck: true });
    await expect(client.outcome(queue, 'm')).resolves.toBe('nack');
    await client.channel.get(queue, { noAck: true });
    let outcome: string;
    do outcome = await client.outcome(queue, 'm');
    while (outcome === 'nack');
    await expect(client.channel.checkQueue(queue)).resolves.toMatchObject({ messageCount: 5 });
  });

  keeps('confirms and carries what no other type would: messages that are not persistent', async (client) => {
    const queue = await client.quorumQueue();
    await client.send(queue, ['m'], { persistent: false });
    const [message] = await client.take(queue, 1);
    expect(message?.properties.deliveryMode).toBe(1);
  });

  keeps('takes an exclusive consumer for a common one', async (client) => {
    const queue = await client.quorumQueue();
    await Inbox.on(client.channel, queue, { exclusive: true });
    await Inbox.on(await client.anotherChannel(), queue);
    await expect(client.channel.checkQueue(queue)).resolves.toMatchObject({ consumerCount: 2 });
  });

  keeps('purges, and says how many', async (client) => {
    const queue = await client.quorumQueue();
    await client.send(queue, numbered(3));
    await expect(client.channel.purgeQueue(queue)).resolves.toEqual({ messageCount: 3 });
  });

  keeps('does not delete conditionally', async (client) => {
    const queue = await client.quorumQueue();
    const connection = await client.anotherConnection();
    const closed = closing(connection);
    const channel = await connection.createChannel();
    await expect(channel.deleteQueue(queue, { ifEmpty: true })).rejects.toThrow('Channel ended');
    await expect(closed).resolves.toMatchObject({ code: 540 });
  });

  keeps('does not support a prefetch for the whole channel', async (client) => {
    const queue = await client.quorumQueue();
    const connection = await client.anotherConnection();
    const closed = closing(connection);
    const channel = await connection.createChannel();
    await channel.prefetch(1, true);
    await expect(channel.consume(queue, () => {})).rejects.toThrow('Channel ended');
    await expect(closed).resolves.toMatchObject({
      code: 540,
      message: expect.stringContaining(`queue '${queue}' in vhost '/' does not support global qos`),
    });
  });

  keeps('does not give away single messages past a single active consumer', async (client) => {
    const queue = await client.quorumQueue({ 'x-single-active-consumer': true });
    await refusal(client.channel, 405, () => client.channel.get(queue));
  });
}
