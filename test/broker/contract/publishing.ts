import { expect } from '@jest/globals';
import type { Message } from 'amqplib';
import { once } from 'node:events';
import type { Contract } from './client.js';
import { bodiesOf, lateRefusal, numbered } from './client.js';

export function publishingContract(keeps: Contract): void {
  keeps('confirms every message of a burst, in order', async (client) => {
    const queue = await client.queue();
    const order: number[] = [];
    for (const index of numbered(500).keys()) {
      client.channel.sendToQueue(queue, Buffer.from(String(index)), {}, () => order.push(index));
    }
    await client.channel.waitForConfirms();
    expect(order).toEqual([...numbered(500).keys()]);
    await expect(client.channel.checkQueue(queue)).resolves.toMatchObject({ messageCount: 500 });
  });

  keeps('confirms what no queue gets', async (client) => {
    await expect(client.outcome(`${client.queueName()}.nobody`, 'lost')).resolves.toBe('ack');
  });

  keeps('returns a mandatory message that no queue gets, before it confirms it', async (client) => {
    const { channel } = client;
    const exchange = await client.exchange('topic');
    const events: string[] = [];
    const returned = once(channel, 'return') as Promise<[Message]>;
    channel.on('return', () => events.push('return'));
    channel.publish(
      exchange,
      'no.one',
      Buffer.from('back'),
      { mandatory: true, messageId: 'id-1', headers: { a: 'b' }, persistent: true },
      () => events.push('confirm'),
    );
    await channel.waitForConfirms();
    const [message] = await returned;
    expect(events).toEqual(['return', 'confirm']);
    expect(message.fields).toMatchObject({
      replyCode: 312,
      replyText: 'NO_ROUTE',
      exchange,
      routingKey: 'no.one',
    });
    expect(message.properties).toMatchObject({ messageId: 'id-1', headers: { a: 'b' }, deliveryMode: 2 });
    expect(message.content.toString()).toBe('back');
  });

  keeps('closes the channel at a publish to a missing exchange, and the connection stays', async (client) => {
    const missing = client.exchangeName();
    const said = await lateRefusal(client.channel, 404, () =>
      client.channel.publish(missing, 'k', Buffer.from('')),
    );
    expect(said).toBe(`NOT_FOUND - no exchange '${missing}' in vhost '/'`);
    const channel = await client.anotherChannel();
    await expect(channel.checkExchange('amq.topic')).resolves.toBeDefined();
  });

  keeps('has taken what came before the publish that closed the channel', async (client) => {
    const queue = await client.queue();
    await lateRefusal(client.channel, 404, () => {
      client.channel.sendToQueue(queue, Buffer.from('before'));
      client.channel.publish(client.exchangeName(), 'k', Buffer.from(''));
      client.channel.sendToQueue(queue, Buffer.from('after'));
    });
    await expect(client.take(queue, 1).then(bodiesOf)).resolves.toEqual(['before']);
    const channel = await client.anotherChannel();
    await expect(channel.checkQueue(queue)).resolves.toMatchObject({ messageCount: 0 });
  });

  for (const [expiration, problem] of [
    ['soon', 'no_integer'],
    ['1s', '{leftover_string,"s"}'],
    ['-1', '{value_negative,-1}'],
    ['315360000001', '{value_too_large,315360000001}'],
  ] as const) {
    keeps(`refuses the expiration '${expiration}'`, async (client) => {
      const queue = await client.queue();
      const said = await lateRefusal(client.channel, 406, () =>
        client.channel.sendToQueue(queue, Buffer.from(''), { expiration }),
      );
      expect(said).toBe(`PRECONDITION_FAILED - invalid expiration '${expiration}': ${problem}`);
    });
  }

  keeps('refuses a delivery mode that does not exist', async (client) => {
    const queue = await client.queue();
    const said = await lateRefusal(client.channel, 406, () =>
      client.channel.sendToQueue(queue, Buffer.from(''), { deliveryMode: 3 }),
    );
    expect(said).toBe('PRECONDITION_FAILED - invalid message: {delivery_mode_unknown,3}');
  });

  keeps('refuses a message in the name of somebody else', async (client) => {
    const queue = await client.queue();
    const said = await lateRefusal(client.channel, 406, () =>
      client.channel.sendToQueue(queue, Buffer.from(''), { userId: 'somebody' }),
    );
    expect(said).toMatch(
      "PRECONDITION_FAILED - user_id property set to 'somebody' but authenticated user was '",
    );
  });

  keeps('carries properties, headers and bodies unchanged', async (client) => {
    const queue = await client.queue();
    const properties = {
      contentType: 'application/json',
      contentEncoding: 'gzip',
      deliveryMode: 2,
      priority: 4,
      correlationId: 'c',
      replyTo: 'r',
      messageId: 'm',
      timestamp: 1_700_000_000,
      type: 'order.placed',
      appId: 'shop',
    };
    const headers = {
      text: 'Grüße 🎉',
      empty: '',
      integer: 12,
      large: 2 ** 40,
      negative: -300,
      fraction: 1.25,
      yes: true,
      nothing: null,
      bytes: Buffer.from([0, 1, 255]),
      list: [1, 'two', [true]],
      table: { nested: { deep: 1 } },
      when: { '!': 'timestamp', value: 1_700_000_000 },
    };
    const bodies = [
      Buffer.alloc(0),
      Buffer.from('x'),
      Buffer.alloc(300_000, 'abc'),
      Buffer.alloc(131_064, 1),
    ];
    for (const body of bodies) client.channel.sendToQueue(queue, body, { ...properties, headers });
    const messages = await client.take(queue, bodies.length);
    for (const [index, message] of messages.entries()) {
      expect(message.properties).toMatchObject({ ...properties, headers });
      expect(message.content.equals(bodies[index] as Buffer)).toBe(true);
    }
  });

  keeps('keeps the first messages and refuses the next when it may not drop any', async (client) => {
    const queue = await client.queue({ maxLength: 2, overflow: 'reject-publish' });
    await expect(client.outcome(queue, 'a')).resolves.toBe('ack');
    await expect(client.outcome(queue, 'b')).resolves.toBe('ack');
    await expect(client.outcome(queue, 'c')).resolves.toBe('nack');
    await expect(client.take(queue, 2).then(bodiesOf)).resolves.toEqual(['a', 'b']);
    await expect(client.outcome(queue, 'd')).resolves.toBe('ack');
  });

  keeps('counts bytes where it may not drop any', async (client) => {
    const queue = await client.queue({
      overflow: 'reject-publish',
      arguments: { 'x-max-length-bytes': 10 },
    });
    await expect(client.outcome(queue, 'x'.repeat(8))).resolves.toBe('ack');
    await expect(client.outcome(queue, 'xxx')).resolves.toBe('nack');
    await expect(client.outcome(queue, 'xx')).resolves.toBe('ack');
  });

  keeps('refuses a message as a whole when one of its queues is full', async (client) => {
    const exchange = await client.exchange('fanout');
    const queues = [await client.queue(), await client.queue({ maxLength: 0, overflow: 'reject-publish' })];
    queues.push(await client.queue());
    for (const queue of queues) await client.channel.bindQueue(queue, exchange, '');
    const outcome = new Promise((resolve) => {
      client.channel.publish(exchange, '', Buffer.from('m'), {}, (error: unknown) =>
        resolve(error ? 'nack' : 'ack'),
      );
    });
    await expect(outcome).resolves.toBe('nack');
    const counts = await Promise.all(queues.map((queue) => client.channel.checkQueue(queue)));
    expect(counts.map(({ messageCount }) => messageCount)).toEqual([1, 0, 1]);
  });

  keeps('tells which messages of a burst it refused', async (client) => {
    const [open, full] = [
      await client.queue(),
      await client.queue({ maxLength: 0, overflow: 'reject-publish' }),
    ];
    const outcomes = await Promise.all(
      numbered(60).map((body, index) => client.outcome(index % 3 ? open : full, body)),
    );
    expect(outcomes).toEqual(numbered(60).map((_, index) => (index % 3 ? 'ack' : 'nack')));
  });

  keeps('drops the oldest when the queue is full, by number and by bytes', async (client) => {
    const byNumber = await client.queue({ maxLength: 2 });
    await client.send(byNumber, ['a', 'b', 'c']);
    await expect(client.take(byNumber, 2).then(bodiesOf)).resolves.toEqual(['b', 'c']);
    const byBytes = await client.queue({ arguments: { 'x-max-length-bytes': 10 } });
    await client.send(byBytes, ['aaaa', 'bbbb', 'cc', 'd']);
    await expect(client.take(byBytes, 3).then(bodiesOf)).resolves.toEqual(['bbbb', 'cc', 'd']);
  });

  keeps('delivers by priority where the queue has priorities', async (client) => {
    const queue = await client.queue({ maxPriority: 3 });
    const sent: [body: string, priority: number | undefined][] = [
      ['none', undefined],
      ['high', 3],
      ['low', 1],
      ['higher than there is', 9],
      ['low again', 1],
    ];
    for (const [body, priority] of sent) client.channel.sendToQueue(queue, Buffer.from(body), { priority });
    await client.channel.waitForConfirms();
    const bodies = await client.take(queue, sent.length).then(bodiesOf);
    expect(bodies).toEqual(['high', 'higher than there is', 'low', 'low again', 'none']);
  });
}
