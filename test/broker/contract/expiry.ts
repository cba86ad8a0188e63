import { expect } from '@jest/globals';
import type { Contract } from './client.js';
import { bodiesOf, Inbox, numbered, untilWaiting } from './client.js';

export function expiryContract(keeps: Contract, type: 'classic' | 'quorum'): void {
  const typed = { arguments: { 'x-queue-type': type } };

  keeps(`${type}: moves on what nobody took within the queue's TTL, without being asked`, async (client) => {
    const { exchange, queue: dead } = await client.tap();
    const queue = await client.queue({ ...typed, messageTtl: 100, deadLetterExchange: exchange });
    const inbox = await Inbox.on(client.channel, dead);
    await client.send(queue, numbered(3));
    await expect(inbox.nextBodies(3)).resolves.toEqual(numbered(3));
    await expect(client.channel.checkQueue(queue)).resolves.toMatchObject({ messageCount: 0 });
  });

  keeps(`${type}: drops expired messages when it has nowhere to move them`, async (client) => {
    const queue = await client.queue({ ...typed, messageTtl: 50 });
    await client.send(queue, numbered(3));
    await untilWaiting(client.channel, queue, 0);
  });

  keeps(`${type}: does not move a message before its time`, async (client) => {
    const { exchange, queue: dead } = await client.tap();
    const queue = await client.queue({ ...typed, messageTtl: 150, deadLetterExchange: exchange });
    const inbox = await Inbox.on(client.channel, dead);
    const sent = performance.now();
    await client.send(queue, ['m']);
    await inbox.next();
    expect(performance.now() - sent).toBeGreaterThanOrEqual(149);
  });

  keeps(`${type}: takes the shorter of the queue's TTL and the message's expiration`, async (client) => {
    const { exchange, queue: dead } = await client.tap();
    const options = { ...typed, deadLetterExchange: exchange };
    const [long, short] = [
      await client.queue({ ...options, messageTtl: 60_000 }),
      await client.queue({ ...options, messageTtl: 50 }),
    ];
    const inbox = await Inbox.on(client.channel, dead);
    await client.send(long, ['own'], { expiration: '50' });
    await client.send(short, ['queue'], { expiration: '60000' });
    await expect(inbox.nextBodies(2).then((bodies) => bodies.sort())).resolves.toEqual(['own', 'queue']);
  });

  keeps(`${type}: keeps an expired message behind one that is not`, async (client) => {
    const { exchange, queue: dead } = await client.tap();
    const queue = await client.queue({ ...typed, deadLetterExchange: exchange });
    const inbox = await Inbox.on(client.channel, dead);
    await client.send(queue, ['first'], { expiration: '300' });
    await client.send(queue, ['second'], { expiration: '20' });
    await expect(inbox.nextBodies(2)).resolves.toEqual(['first', 'second']);
  });

  keeps(`${type}: does not deliver what has expired`, async (client) => {
    const queue = await client.queue({
      ...typed,
      deadLetterExchange: '',
      deadLetterRoutingKey: await client.queue(),
    });
    await client.send(queue, ['old'], { expiration: '1' });
    await untilWaiting(client.channel, queue, 0);
    await client.send(queue, ['new']);
    await expect(client.take(queue, 1).then(bodiesOf)).resolves.toEqual(['new']);
  });

  keeps(`${type}: does not expire what is delivered, and does when it comes back`, async (client) => {
    const { exchange, queue: dead } = await client.tap();
    const queue = await client.queue({ ...typed, messageTtl: 100, deadLetterExchange: exchange });
    const clock = await client.queue({ messageTtl: 200, deadLetterExchange: exchange });
    const held = await client.anotherChannel();
    const holder = await Inbox.on(held, queue);
    const inbox = await Inbox.on(client.channel, dead);
    await client.send(queue, ['held']);
    const [message] = await holder.next();
    await client.send(clock, ['later']);
    await expect(inbox.nextBodies(1)).resolves.toEqual(['later']);
    await held.cancel(holder.tag);
    held.nack(message!, false, true);
    await expect(inbox.nextBodies(1)).resolves.toEqual(['held']);
  });

  keeps(`${type}: with a TTL of 0, serves only who waits`, async (client) => {
    const queue = await client.queue({ ...typed, messageTtl: 0 });
    await client.send(queue, ['nobody waits']);
    await untilWaiting(client.channel, queue, 0);
    if (type === 'quorum') return; // it gives a consumer one millisecond, which may pass
    const inbox = await Inbox.on(client.channel, queue);
    await client.send(queue, ['somebody waits']);
    await expect(inbox.nextBodies(1)).resolves.toEqual(['somebody waits']);
  });
}
