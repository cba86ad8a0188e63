import { expect } from '@jest/globals';
import type { Socket } from 'node:net';
import type { Contract } from './client.js';
import { closing, Inbox, lateRefusal, numbered, refusal, untilWaiting } from './client.js';

export function consumingContract(keeps: Contract): void {
  keeps('delivers in the order of publishing', async (client) => {
    const queue = await client.queue();
    const inbox = await Inbox.on(client.channel, queue, { noAck: true });
    await client.send(queue, numbered(200));
    await expect(inbox.nextBodies(200)).resolves.toEqual(numbered(200));
  });

  keeps('delivers no more than the prefetch, and the next for each acknowledgement', async (client) => {
    const queue = await client.queue();
    await client.send(queue, numbered(10));
    await client.channel.prefetch(3);
    const inbox = await Inbox.on(client.channel, queue);
    const [first, second, third] = await inbox.next(3);
    await expect(client.channel.checkQueue(queue)).resolves.toMatchObject({ messageCount: 7 });
    client.channel.ack(second!);
    await expect(inbox.nextBodies(1)).resolves.toEqual(['m3']);
    client.channel.ack(third!, true);
    await expect(inbox.nextBodies(2)).resolves.toEqual(['m4', 'm5']);
    expect(first?.fields.deliveryTag).toBe(1);
  });

  keeps('counts the prefetch for each consumer', async (client) => {
    const queue = await client.queue();
    await client.send(queue, numbered(10));
    await client.channel.prefetch(2);
    const first = await Inbox.on(client.channel, queue);
    await client.channel.prefetch(3);
    const second = await Inbox.on(client.channel, queue);
    await Promise.all([first.next(2), second.next(3)]);
    await expect(client.channel.checkQueue(queue)).resolves.toMatchObject({ messageCount: 5 });
  });

  keeps('counts a global prefetch for the whole channel', async (client) => {
    const [one, two] = [await client.queue(), await client.queue()];
    await client.send(one, numbered(3, 'a'));
    await client.send(two, numbered(3, 'b'));
    await client.channel.prefetch(3, true);
    const first = await Inbox.on(client.channel, one);
    const messages = await first.next(3);
    const second = await Inbox.on(client.channel, two);
    await expect(client.channel.checkQueue(two)).resolves.toMatchObject({ messageCount: 3 });
    client.channel.ack(messages[1]!, true);
    await expect(second.nextBodies(2)).resolves.toEqual(['b0', 'b1']);
    await expect(client.channel.checkQueue(two)).resolves.toMatchObject({ messageCount: 1 });
    await client.channel.prefetch(1);
    await expect(second.nextBodies(1)).resolves.toEqual(['b2']);
  });

  keeps('does not hold back a consumer that does not acknowledge', async (client) => {
    const queue = await client.queue();
    await client.send(queue, numbered(50));
    await client.channel.prefetch(1);
    const inbox = await Inbox.on(client.channel, queue, { noAck: true });
    await expect(inbox.nextBodies(50)).resolves.toEqual(numbered(50));
    await untilWaiting(client.channel, queue, 0);
  });

  keeps('delivers to consumers in turns', async (client) => {
    const queue = await client.queue();
    const inboxes = [];
    for (let index = 0; index < 3; index++) inboxes.push(await Inbox.on(client.channel, queue));
    for (const body of numbered(6)) await client.send(queue, [body]);
    const bodies = await Promise.all(inboxes.map((inbox) => inbox.nextBodies(2)));
    expect(bodies).toEqual([
      ['m0', 'm3'],
      ['m1', 'm4'],
      ['m2', 'm5'],
    ]);
  });

  keeps('delivers to the highest priority that has room', async (client) => {
    const queue = await client.queue();
    await client.channel.prefetch(2);
    const low = await Inbox.on(client.channel, queue, { priority: 1 });
    const high = await Inbox.on(client.channel, queue, { priority: 5 });
    await client.send(queue, numbered(3));
    await expect(high.nextBodies(2)).resolves.toEqual(['m0', 'm1']);
    await expect(low.nextBodies(1)).resolves.toEqual(['m2']);
  });

  keeps('puts a message back where it was, and marks it as redelivered', async (client) => {
    const { channel } = client;
    const queue = await client.queue();
    await client.send(queue, numbered(4));
    const got = [await channel.get(queue), await channel.get(queue), await channel.get(queue)];
    for (const index of [1, 0]) if (got[index]) channel.nack(got[index], false, true);
    const again = [await channel.get(queue), await channel.get(queue), await channel.get(queue)];
    const seen = again.map((message) => message && [message.content.toString(), message.fields.redelivered]);
    expect(seen).toEqual([
      ['m0', true],
      ['m1', true],
      ['m3', false],
    ]);
  });

  keeps('puts back all up to a tag in their order', async (client) => {
    const { channel } = client;
    const queue = await client.queue();
    await client.send(queue, numbered(5));
    const inbox = await Inbox.on(channel, queue);
    const messages = await inbox.next(5);
    await channel.cancel(inbox.tag);
    channel.nack(messages[2]!, true, true);
    channel.reject(messages[4]!, true);
    const again = await Inbox.on(channel, queue);
    await expect(again.nextBodies(4)).resolves.toEqual(['m0', 'm1', 'm2', 'm4']);
  });

  keeps('puts messages back where they were, whatever order they were given out in', async (client) => {
    const { channel } = client;
    const queue = await client.queue();
    await client.send(queue, numbered(3));
    const first = await channel.get(queue);
    await channel.get(queue);
    if (first) channel.nack(first, false, true);
    await channel.get(queue);
    channel.nackAll(true);
    const inbox = await Inbox.on(channel, queue);
    await expect(inbox.nextBodies(3)).resolves.toEqual(numbered(3));
  });

  keeps('drops what is rejected without requeue', async (client) => {
    const queue = await client.queue();
    await client.send(queue, numbered(3));
    const inbox = await Inbox.on(client.channel, queue);
    const messages = await inbox.next(3);
    client.channel.nack(messages[1]!, true, false);
    client.channel.reject(messages[2]!, false);
    await client.channel.close();
    const channel = await client.anotherChannel();
    await expect(channel.checkQueue(queue)).resolves.toMatchObject({ messageCount: 0 });
  });

  keeps('closes the channel at an unknown delivery tag', async (client) => {
    const queue = await client.queue();
    await client.send(queue, ['m']);
    const message = await client.channel.get(queue);
    if (!message) throw new Error('there is a message');
    client.channel.ack(message);
    const twice = await lateRefusal(client.channel, 406, () => client.channel.ack(message));
    expect(twice).toBe('PRECONDITION_FAILED - unknown delivery tag 1');
    const channel = await client.anotherChannel();
    const never = await lateRefusal(channel, 406, () => channel.nack(message, true));
    expect(never).toBe('PRECONDITION_FAILED - unknown delivery tag 1');
  });

  keeps('gives back what a closed channel had not acknowledged, before what follows', async (client) => {
    const queue = await client.queue();
    await client.send(queue, numbered(6));
    const dying = await client.anotherChannel();
    await dying.prefetch(4);
    const lost = await Inbox.on(dying, queue);
    const messages = await lost.next(4);
    dying.ack(messages[1]!);
    await lost.next(1);
    const heir = await Inbox.on(client.channel, queue);
    await expect(heir.nextBodies(1)).resolves.toEqual(['m5']);
    await dying.close();
    const inherited = await heir.next(4);
    expect(inherited.map(({ content }) => content.toString())).toEqual(['m0', 'm2', 'm3', 'm4']);
    expect(inherited.every(({ fields }) => fields.redelivered)).toBe(true);
  });

  keeps('gives back what a lost connection had not acknowledged', async (client) => {
    const queue = await client.queue();
    await client.send(queue, numbered(2));
    const connection = await client.anotherConnection();
    await (await Inbox.on(await connection.createChannel(), queue)).next(2);
    const heir = await Inbox.on(client.channel, queue);
    connection.on('error', () => {});
    (connection.connection as unknown as { stream: Socket }).stream.destroy(new Error('the cable is cut'));
    await expect(heir.nextBodies(2)).resolves.toEqual(numbered(2));
  });

  keeps('gets one message at a time, and says how many are left', async (client) => {
    const { channel } = client;
    const queue = await client.queue();
    await expect(channel.get(queue)).resolves.toBe(false);
    await client.send(queue, numbered(3));
    await expect(channel.get(queue)).resolves.toMatchObject({ fields: { messageCount: 2, deliveryTag: 1 } });
    await expect(channel.get(queue, { noAck: true })).resolves.toMatchObject({ fields: { messageCount: 1 } });
    await channel.close();
    const other = await client.anotherChannel();
    await expect(other.checkQueue(queue)).resolves.toMatchObject({ messageCount: 2 });
  });

  keeps('leaves unacknowledged messages with a channel whose consumer is cancelled', async (client) => {
    const { channel } = client;
    const queue = await client.queue();
    await client.send(queue, numbered(2));
    const inbox = await Inbox.on(channel, queue);
    const messages = await inbox.next(2);
    await channel.cancel(inbox.tag);
    await expect(channel.checkQueue(queue)).resolves.toMatchObject({ messageCount: 0, consumerCount: 0 });
    channel.ack(messages[0]!);
    await channel.recover();
    await expect(channel.get(queue)).resolves.toMatchObject({ fields: { redelivered: true } });
  });

  keeps('redelivers everything unacknowledged on recover', async (client) => {
    const queue = await client.queue();
    await client.send(queue, numbered(3));
    const inbox = await Inbox.on(client.channel, queue);
    const [first] = await inbox.next(3);
    client.channel.ack(first!);
    await client.channel.recover();
    const again = await inbox.next(2);
    expect(again.map(({ content, fields }) => [content.toString(), fields.redelivered])).toEqual([
      ['m1', true],
      ['m2', true],
    ]);
  });

  keeps('cancels the consumers of a queue that is deleted', async (client) => {
    const queue = await client.queue();
    const inbox = await Inbox.on(await client.anotherChannel(), queue);
    await client.channel.deleteQueue(queue);
    await expect(inbox.cancelled).resolves.toBeUndefined();
  });

  keeps('takes acknowledgements for a queue that is gone, and moves nothing on', async (client) => {
    const { channel } = client;
    const dead = await client.queue();
    const queue = await client.queue({ deadLetterExchange: '', deadLetterRoutingKey: dead });
    await client.send(queue, numbered(3));
    const messages = await (await Inbox.on(channel, queue)).next(3);
    await channel.deleteQueue(queue);
    channel.ack(messages[0]!);
    channel.nack(messages[1]!, false, true);
    channel.reject(messages[2]!, false);
    await expect(channel.checkExchange('amq.topic')).resolves.toBeDefined();
    await expect(channel.checkQueue(dead)).resolves.toMatchObject({ messageCount: 0 });
  });

  keeps('has one consumer where it is exclusive', async (client) => {
    const queue = await client.queue();
    const channel = await client.anotherChannel();
    const inbox = await Inbox.on(channel, queue, { exclusive: true });
    const second = await client.anotherChannel();
    const said = await refusal(second, 403, () => second.consume(queue, () => {}));
    expect(said).toBe(`ACCESS_REFUSED - queue '${queue}' in vhost '/' in exclusive use`);
    await channel.cancel(inbox.tag);
    await Inbox.on(channel, queue);
    await refusal(client.channel, 403, () => client.channel.consume(queue, () => {}, { exclusive: true }));
  });

  keeps('closes the connection at a consumer tag that is taken', async (client) => {
    const queue = await client.queue();
    const connection = await client.anotherConnection();
    const channel = await connection.createChannel();
    await channel.consume(queue, () => {}, { consumerTag: 'mine' });
    const closed = closing(connection);
    await expect(channel.consume(queue, () => {}, { consumerTag: 'mine' })).rejects.toThrow('Channel ended');
    await expect(closed).resolves.toMatchObject({
      code: 530,
      message: expect.stringContaining("NOT_ALLOWED - attempt to reuse consumer tag 'mine'"),
    });
  });
}
