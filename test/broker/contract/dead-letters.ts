import { expect } from '@jest/globals';
import type { ConsumeMessage } from 'amqplib';
import type { Client, Contract } from './client.js';
import { bodiesOf, Inbox, numbered } from './client.js';

export function deadLetterContract(keeps: Contract, type: 'classic' | 'quorum'): void {
  const typed = { 'x-queue-type': type };

  keeps(`${type}: moves what is rejected to the dead-letter exchange, with its history`, async (client) => {
    const { exchange: dlx, queue: dead } = await client.tap();
    const { exchange, queue } = await source(client, { ...typed, 'x-dead-letter-exchange': dlx });
    client.channel.publish(exchange, 'order.placed', Buffer.from('m'), {
      messageId: 'id',
      headers: { mine: 'kept' },
    });
    await rejectNext(client, queue);
    const [message] = await client.take(dead, 1);
    expect(message?.fields).toMatchObject({ exchange: dlx, routingKey: 'order.placed', redelivered: false });
    expect(message?.properties.messageId).toBe('id');
    expect(message?.properties.headers).toEqual({
      mine: 'kept',
      'x-death': [
        { count: 1, reason: 'rejected', queue, exchange, 'routing-keys': ['order.placed'], time: aboutNow() },
      ],
      'x-first-death-reason': 'rejected',
      'x-first-death-queue': queue,
      'x-first-death-exchange': exchange,
    });
  });

  keeps(`${type}: moves to a queue by name over the default exchange`, async (client) => {
    const dead = await client.queue();
    const queue = await client.queue({
      arguments: { ...typed, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead },
    });
    await client.send(queue, ['m']);
    await rejectNext(client, queue);
    const [message] = await client.take(dead, 1);
    expect(message?.fields).toMatchObject({ exchange: '', routingKey: dead });
    expect(message?.properties.headers?.['x-death']).toMatchObject([
      { exchange: '', 'routing-keys': [queue] },
    ]);
  });

  keeps(`${type}: takes an expiration off when it was met, and remembers it`, async (client) => {
    const { exchange: dlx, queue: dead } = await client.tap();
    const queue = await client.queue({ arguments: { ...typed, 'x-dead-letter-exchange': dlx } });
    await client.send(queue, ['m'], { expiration: '20' });
    const [message] = await client.take(dead, 1);
    expect(message?.properties.expiration).toBeUndefined();
    expect(message?.properties.headers).toMatchObject({
      'x-first-death-reason': 'expired',
      'x-death': [{ reason: 'expired', 'original-expiration': '20' }],
    });
  });

  keeps(`${type}: moves what it drops for room, the oldest first`, async (client) => {
    const { exchange: dlx, queue: dead } = await client.tap();
    const queue = await client.queue({
      arguments: { ...typed, 'x-max-length': 2, 'x-dead-letter-exchange': dlx },
    });
    await client.send(queue, numbered(4));
    const messages = await client.take(dead, 2);
    expect(bodiesOf(messages)).toEqual(['m0', 'm1']);
    expect(deathsOf(messages[0])).toMatchObject([{ reason: 'maxlen', queue, count: 1 }]);
  });

  keeps(`${type}: brings a message back to its queue after a wait, and counts the rounds`, async (client) => {
    const { channel } = client;
    const queue = client.queueName();
    const waiting = await client.queue({
      arguments: { ...typed, 'x-message-ttl': 20, 'x-dead-letter-exchange': '' },
    });
    const retry = await client.exchange('fanout');
    await channel.bindQueue(waiting, retry, '');
    await channel.assertQueue(queue, { arguments: { ...typed, 'x-dead-letter-exchange': retry } });
    await client.send(queue, ['m']);
    const inbox = await Inbox.on(channel, queue);
    let [message] = await inbox.next();
    for (let round = 1; round <= 3; round++) {
      channel.nack(message!, false, false);
      [message] = await inbox.next();
      expect(deathsOf(message)).toMatchObject([
        { reason: 'expired', queue: waiting, count: round, exchange: retry },
        { reason: 'rejected', queue, count: round },
      ]);
    }
    expect(message?.fields).toMatchObject({ exchange: '', routingKey: queue });
    expect(message?.properties.headers).toMatchObject({
      'x-first-death-reason': 'rejected',
      'x-first-death-queue': queue,
    });
  });

  keeps(
    `${type}: brings a message that waits in a shared queue to the queue its key names`,
    async (client) => {
      const { channel } = client;
      const waiting = await client.queue({
        arguments: { ...typed, 'x-message-ttl': 20, 'x-dead-letter-exchange': '' },
      });
      const retry = await client.exchange('fanout');
      await channel.bindQueue(waiting, retry, '');
      const [one, two] = [await client.queue(), await client.queue()];
      for (const queue of [one, two]) channel.publish(retry, queue, Buffer.from(queue), { mandatory: true });
      await channel.waitForConfirms();
      await expect(client.take(one, 1).then(bodiesOf)).resolves.toEqual([one]);
      await expect(client.take(two, 1).then(bodiesOf)).resolves.toEqual([two]);
    },
  );

  keeps(`${type}: drops a message that would circle for ever`, async (client) => {
    const name = client.queueName();
    const queue = await client.queue({
      arguments: {
        ...typed,
        'x-message-ttl': 20,
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': name,
      },
    });
    await client.channel.assertQueue(name, {
      arguments: {
        ...typed,
        'x-message-ttl': 20,
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': queue,
      },
    });
    const { exchange, queue: clock } = await client.tap();
    const timer = await client.queue({ messageTtl: 500, deadLetterExchange: exchange });
    await client.send(queue, ['m']);
    await client.send(timer, ['time is up']);
    await client.take(clock, 1);
    for (const each of [queue, name]) {
      await expect(client.channel.checkQueue(each)).resolves.toMatchObject({ messageCount: 0 });
    }
  });

  keeps(
    `${type}: drops what it should move when the exchange is missing or nobody is bound`,
    async (client) => {
      const unbound = await client.exchange('fanout');
      for (const dlx of [unbound, client.exchangeName('missing')]) {
        const queue = await client.queue({ arguments: { ...typed, 'x-dead-letter-exchange': dlx } });
        await client.send(queue, ['m']);
        await rejectNext(client, queue);
        await expect(client.channel.checkQueue(queue)).resolves.toMatchObject({ messageCount: 0 });
      }
    },
  );

  keeps(`${type}: moves copies too, unless the queue gives another key`, async (client) => {
    const dlx = await client.exchange('direct');
    const [dead, copied, renamed] = [await client.queue(), await client.queue(), await client.queue()];
    const keeping = await client.queue({ arguments: { ...typed, 'x-dead-letter-exchange': dlx } });
    const renaming = await client.queue({
      arguments: { ...typed, 'x-dead-letter-exchange': dlx, 'x-dead-letter-routing-key': 'renamed' },
    });
    await client.channel.bindQueue(dead, dlx, keeping);
    await client.channel.bindQueue(copied, dlx, 'copy');
    await client.channel.bindQueue(renamed, dlx, 'renamed');
    await client.send(keeping, ['kept'], { CC: ['copy'] });
    await rejectNext(client, keeping);
    const [message] = await client.take(copied, 1);
    expect(deathsOf(message)).toMatchObject([{ 'routing-keys': [keeping, 'copy'] }]);
    await client.take(dead, 1);
    await client.send(renaming, ['renamed'], { CC: ['copy'] });
    await rejectNext(client, renaming);
    const [other] = await client.take(renamed, 1);
    expect(other?.properties.headers).not.toHaveProperty('CC');
    await expect(client.channel.checkQueue(copied)).resolves.toMatchObject({ messageCount: 0 });
  });

  keeps(`${type}: starts the history anew where a client wrote something else into it`, async (client) => {
    const { exchange: dlx, queue: dead } = await client.tap();
    const queue = await client.queue({ arguments: { ...typed, 'x-dead-letter-exchange': dlx } });
    await client.send(queue, ['m'], { headers: { 'x-death': 'nonsense' } });
    await rejectNext(client, queue);
    const [message] = await client.take(dead, 1);
    expect(deathsOf(message)).toMatchObject([{ count: 1, reason: 'rejected', queue }]);
    expect(message?.properties.headers).not.toHaveProperty('x-first-death-queue');
  });
}

/** A queue behind an exchange that takes every key. */
async function source(client: Client, args: Record<string, unknown>) {
  const exchange = await client.exchange('topic');
  const queue = await client.queue({ arguments: args });
  await client.channel.bindQueue(queue, exchange, '#');
  return { exchange, queue };
}

async function rejectNext(client: Client, queue: string): Promise<void> {
  const channel = await client.anotherChannel();
  const inbox = await Inbox.on(channel, queue);
  const [message] = await inbox.next();
  channel.reject(message!, false);
  await channel.close();
}

function deathsOf(message: ConsumeMessage | undefined): unknown {
  return message?.properties.headers?.['x-death'];
}

function aboutNow() {
  return { '!': 'timestamp', value: expect.closeTo(Date.now() / 1000, -1) as unknown };
}
