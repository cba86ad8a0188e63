import { expect } from '@jest/globals';
import type { Contract } from './client.js';
import { Inbox, numbered, refusal } from './client.js';

export function singleActiveContract(keeps: Contract, type: 'classic' | 'quorum'): void {
  const single = { arguments: { 'x-queue-type': type, 'x-single-active-consumer': true } };

  keeps(`${type}: delivers everything to the consumer that came first`, async (client) => {
    const queue = await client.queue(single);
    const first = await Inbox.on(client.channel, queue);
    const second = await Inbox.on(await client.anotherChannel(), queue);
    await client.send(queue, numbered(20));
    await expect(first.nextBodies(20)).resolves.toEqual(numbered(20));
    expect(second.messages).toEqual([]);
    // A quorum queue counts the one that is served, a classic queue also those that wait.
    const consumerCount = type === 'quorum' ? 1 : 2;
    await expect(client.channel.checkQueue(queue)).resolves.toMatchObject({ consumerCount });
  });

  keeps(`${type}: hands over to the next when the first is cancelled`, async (client) => {
    const queue = await client.queue(single);
    const [one, two] = [await client.anotherChannel(), await client.anotherChannel()];
    const [first, second] = [await Inbox.on(one, queue), await Inbox.on(two, queue)];
    await client.send(queue, ['before']);
    await first.next();
    await one.cancel(first.tag);
    await client.send(queue, ['after']);
    await expect(second.nextBodies(1)).resolves.toEqual(['after']);
  });

  keeps(`${type}: hands over in order when the first loses its channel`, async (client) => {
    const queue = await client.queue(single);
    const [one, two] = [await client.anotherChannel(), await client.anotherChannel()];
    await one.prefetch(3);
    const [first, second] = [await Inbox.on(one, queue), await Inbox.on(two, queue)];
    await client.send(queue, numbered(6));
    const [acknowledged] = await first.next(3);
    one.ack(acknowledged!);
    await first.next(1);
    await one.close();
    await expect(second.nextBodies(5)).resolves.toEqual(['m1', 'm2', 'm3', 'm4', 'm5']);
  });

  keeps(`${type}: keeps others waiting while the active one has no room`, async (client) => {
    const queue = await client.queue(single);
    const [one, two] = [await client.anotherChannel(), await client.anotherChannel()];
    await one.prefetch(1);
    const [first, second] = [await Inbox.on(one, queue), await Inbox.on(two, queue)];
    await client.send(queue, numbered(3));
    const [message] = await first.next();
    await expect(client.channel.checkQueue(queue)).resolves.toMatchObject({ messageCount: 2 });
    one.ack(message!);
    await expect(first.nextBodies(1)).resolves.toEqual(['m1']);
    expect(second.messages).toEqual([]);
  });

  if (type === 'classic') {
    keeps('classic: refuses an exclusive consumer beside a single active one', async (client) => {
      const queue = await client.queue(single);
      await refusal(client.channel, 403, () => client.channel.consume(queue, () => {}, { exclusive: true }));
    });
  }
}
