import { expect } from '@jest/globals';
import type { Client, Contract } from './client.js';
import { Inbox, numbered, refusal } from './client.js';

export function topologyContract(keeps: Contract): void {
  keeps('declares a queue again without a change, and counts its messages and consumers', async (client) => {
    const { channel } = client;
    const queue = await client.queue({ messageTtl: 60_000 });
    await client.send(queue, ['a', 'b']);
    await expect(channel.assertQueue(queue, { messageTtl: 60_000 })).resolves.toEqual({
      queue,
      messageCount: 2,
      consumerCount: 0,
    });
    await Inbox.on(channel, queue);
    await expect(channel.checkQueue(queue)).resolves.toEqual({ queue, messageCount: 0, consumerCount: 1 });
  });

  keeps('names a queue when the client does not', async ({ channel }) => {
    const { queue } = await channel.assertQueue('', { exclusive: true });
    expect(queue).toMatch(/^amq\.gen-/);
  });

  keeps('has the predeclared exchanges', async ({ channel }) => {
    for (const name of ['amq.direct', 'amq.fanout', 'amq.topic', 'amq.headers', 'amq.match']) {
      await expect(channel.checkExchange(name)).resolves.toBeDefined();
    }
  });

  keeps('deletes a queue with its messages and tells how many', async (client) => {
    const queue = await client.queue();
    await client.send(queue, ['a', 'b', 'c']);
    await expect(client.channel.deleteQueue(queue)).resolves.toEqual({ messageCount: 3 });
  });

  keeps('takes the deletion of what is not there for done', async (client) => {
    await expect(client.channel.deleteQueue(client.queueName())).resolves.toEqual({ messageCount: 0 });
    await expect(client.channel.deleteExchange(client.exchangeName())).resolves.toBeDefined();
  });

  keeps('purges what waits and not what is delivered', async (client) => {
    const queue = await client.queue();
    await client.send(queue, numbered(5));
    await client.channel.prefetch(2);
    await (await Inbox.on(client.channel, queue)).next(2);
    await expect(client.channel.purgeQueue(queue)).resolves.toEqual({ messageCount: 3 });
  });

  keeps('deletes an auto-delete queue with its last consumer, not before it had one', async (client) => {
    const queue = await client.queue({ autoDelete: true });
    const channel = await client.anotherChannel();
    const first = await Inbox.on(channel, queue);
    const second = await Inbox.on(channel, queue);
    await channel.cancel(first.tag);
    await expect(channel.checkQueue(queue)).resolves.toMatchObject({ consumerCount: 1 });
    await channel.cancel(second.tag);
    await refusal(channel, 404, () => channel.checkQueue(queue));
  });

  keeps('deletes an auto-delete queue when the channel of its last consumer closes', async (client) => {
    const queue = await client.queue({ autoDelete: true });
    const channel = await client.anotherChannel();
    await Inbox.on(channel, queue);
    await channel.close();
    await refusal(client.channel, 404, () => client.channel.checkQueue(queue));
  });

  keeps('deletes an auto-delete exchange with its last binding', async (client) => {
    const { channel } = client;
    const exchange = await client.exchange('direct', { autoDelete: true });
    const queue = await client.queue();
    await channel.bindQueue(queue, exchange, 'a');
    await channel.bindQueue(queue, exchange, 'b');
    await channel.unbindQueue(queue, exchange, 'a');
    await expect(channel.checkExchange(exchange)).resolves.toBeDefined();
    await channel.deleteQueue(queue);
    await refusal(channel, 404, () => channel.checkExchange(exchange));
  });

  keeps('keeps an exclusive queue for its connection and deletes it with it', async (client) => {
    const owner = await client.anotherConnection();
    const name = client.queueName();
    await (await owner.createChannel()).assertQueue(name, { exclusive: true });
    const words = await refusal(client.channel, 405, () => client.channel.checkQueue(name));
    expect(words).toMatch(
      `RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '${name}' in vhost '/'. It could be`,
    );
    await owner.close();
    const channel = await client.anotherChannel();
    await refusal(channel, 404, () => channel.checkQueue(name));
  });

  keeps(
    'lets nobody take over the name of an exclusive queue or make a shared one exclusive',
    async (client) => {
      const queue = await client.queue({ durable: false });
      await refusal(client.channel, 405, () =>
        client.channel.assertQueue(queue, { durable: false, exclusive: true }),
      );
      const channel = await client.anotherChannel();
      const { queue: own } = await channel.assertQueue(client.queueName(), { exclusive: true });
      await refusal(channel, 405, () => channel.assertQueue(own, { exclusive: false }));
    },
  );

  keeps('deletes a queue that nobody uses for x-expires', async (client) => {
    const { exchange, queue: alive } = await client.tap();
    const queue = await client.queue({ expires: 50 });
    await client.channel.assertExchange(exchange, 'fanout');
    await vanished(client, queue);
    await expect(client.channel.checkQueue(alive)).resolves.toBeDefined();
  });

  keeps('keeps a queue with x-expires as long as it has a consumer', async (client) => {
    const queue = await client.queue({ expires: 300 });
    const inbox = await Inbox.on(client.channel, queue);
    const timer = await client.queue({ expires: 600 });
    await vanished(client, timer);
    await expect(client.channel.checkQueue(queue)).resolves.toBeDefined();
    await client.channel.cancel(inbox.tag);
    await vanished(client, queue);
  });

  keeps('deletes only an empty queue when asked to', async (client) => {
    const queue = await client.queue();
    await client.send(queue, ['a']);
    const words = await refusal(client.channel, 406, () =>
      client.channel.deleteQueue(queue, { ifEmpty: true }),
    );
    expect(words).toBe(`PRECONDITION_FAILED - queue '${queue}' in vhost '/' not empty`);
  });

  keeps('deletes only an unused queue or exchange when asked to', async (client) => {
    const { channel } = client;
    const { queue, exchange } = await client.tap();
    const other = await client.anotherChannel();
    const inUse = await refusal(other, 406, () => other.deleteExchange(exchange, { ifUnused: true }));
    expect(inUse).toBe(`PRECONDITION_FAILED - exchange '${exchange}' in vhost '/' in use`);
    await Inbox.on(await client.anotherChannel(), queue);
    const words = await refusal(channel, 406, () => channel.deleteQueue(queue, { ifUnused: true }));
    expect(words).toBe(`PRECONDITION_FAILED - queue '${queue}' in vhost '/' in use`);
  });
}

/** Asks until the queue is gone. A passive declaration would count as a use, so exclusive access is what is asked for. */
async function vanished(client: Client, queue: string): Promise<void> {
  const connection = await client.anotherConnection();
  for (;;) {
    const channel = await connection.createChannel();
    channel.on('error', () => {});
    const isGone = await channel.bindQueue(queue, 'amq.fanout', 'none').then(
      () => false,
      () => true,
    );
    if (isGone) return;
    await channel.close();
  }
}
