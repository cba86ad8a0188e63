import { expect } from '@jest/globals';
import type { Client, Contract } from './client.js';
import { bodiesOf, lateRefusal, refusal } from './client.js';

export function routingContract(keeps: Contract): void {
  keeps('routes by queue name over the default exchange', async (client) => {
    const queue = await client.queue();
    await client.send(queue, ['hello']);
    const [message] = await client.take(queue, 1);
    expect(message?.fields).toMatchObject({ exchange: '', routingKey: queue, redelivered: false });
  });

  keeps('routes by the exact key over a direct exchange', async (client) => {
    const exchange = await client.exchange('direct');
    await expect(received(client, exchange, ['a', 'b'], ['a', 'a.b', 'b', ''])).resolves.toEqual({
      a: ['a'],
      b: ['b'],
    });
  });

  keeps('routes everything over a fanout exchange', async (client) => {
    const exchange = await client.exchange('fanout');
    await expect(received(client, exchange, ['a', 'b'], ['a', ''])).resolves.toEqual({
      a: ['a', ''],
      b: ['a', ''],
    });
  });

  keeps('routes by pattern over a topic exchange', async (client) => {
    const exchange = await client.exchange('topic');
    const patterns = [
      'order.placed',
      'order.*',
      '*.placed',
      'order.#',
      '#',
      '#.placed',
      '*',
      'order.#.eu',
      '*.*.eu',
      '',
    ];
    const keys = [
      'order',
      'order.placed',
      'order.placed.eu',
      'order..eu',
      'invoice.placed',
      'placed',
      'x.y.placed',
      '',
    ];
    await expect(received(client, exchange, patterns, keys)).resolves.toEqual({
      'order.placed': ['order.placed'],
      'order.*': ['order.placed'],
      '*.placed': ['order.placed', 'invoice.placed'],
      'order.#': ['order', 'order.placed', 'order.placed.eu', 'order..eu'],
      '#': keys,
      '#.placed': ['order.placed', 'invoice.placed', 'placed', 'x.y.placed'],
      '*': ['order', 'placed'],
      'order.#.eu': ['order.placed.eu', 'order..eu'],
      '*.*.eu': ['order.placed.eu', 'order..eu'],
      '': [''],
    });
  });

  keeps('routes by headers, all of them or any', async (client) => {
    const { channel } = client;
    const exchange = await client.exchange('headers');
    const bindings = {
      all: { 'x-match': 'all', size: 1, color: 'red' },
      any: { 'x-match': 'any', size: 1, color: 'red' },
      present: { color: null },
      prefixed: { 'x-match': 'all', 'x-kind': 'a' },
      'with x': { 'x-match': 'any-with-x', 'x-kind': 'a' },
      nothing: {},
      'any of nothing': { 'x-match': 'any' },
    };
    const queues = await Promise.all(
      Object.entries(bindings).map(async ([name, headers]) => {
        const queue = await client.queue();
        await channel.bindQueue(queue, exchange, '', headers);
        return [name, queue] as const;
      }),
    );
    const sent = {
      both: { size: 1, color: 'red' },
      one: { size: 1 },
      other: { color: 'blue' },
      x: { 'x-kind': 'a' },
    };
    for (const [name, headers] of Object.entries(sent))
      channel.publish(exchange, '', Buffer.from(name), { headers });
    await channel.waitForConfirms();
    await expect(contents(client, queues)).resolves.toEqual({
      all: ['both'],
      any: ['both', 'one'],
      present: ['both', 'other'],
      prefixed: ['both', 'one', 'other', 'x'],
      'with x': ['x'],
      nothing: ['both', 'one', 'other', 'x'],
      'any of nothing': [],
    });
  });

  keeps('refuses a headers binding with an unknown x-match', async (client) => {
    const queue = await client.queue();
    await refusal(client.channel, 406, () =>
      client.channel.bindQueue(queue, 'amq.headers', '', { 'x-match': 'most' }),
    );
  });

  keeps('delivers a message once to a queue that it reaches in several ways', async (client) => {
    const { channel } = client;
    const exchange = await client.exchange('topic');
    const other = await client.exchange('fanout');
    const queue = await client.queue();
    for (const pattern of ['#', 'a.*', 'a.b', 'a.b']) await channel.bindQueue(queue, exchange, pattern);
    await channel.bindExchange(other, exchange, '#');
    await channel.bindQueue(queue, other, '');
    channel.publish(exchange, 'a.b', Buffer.from('once'));
    await channel.waitForConfirms();
    await expect(channel.checkQueue(queue)).resolves.toMatchObject({ messageCount: 1 });
  });

  keeps('takes the same binding twice for one, with its arguments', async (client) => {
    const { channel } = client;
    const exchange = await client.exchange('direct');
    const queue = await client.queue();
    for (const args of [{}, {}, { a: 1 }]) await channel.bindQueue(queue, exchange, 'k', args);
    await channel.unbindQueue(queue, exchange, 'k', {});
    await expect(isRouted(client, exchange)).resolves.toBe(true);
    await channel.unbindQueue(queue, exchange, 'k', { a: 1 });
    await expect(isRouted(client, exchange)).resolves.toBe(false);
  });

  keeps('routes from exchange to exchange, and in circles without end', async (client) => {
    const { channel } = client;
    const [first, second] = [await client.exchange('topic'), await client.exchange('direct')];
    const queue = await client.queue();
    await channel.bindExchange(second, first, 'order.#');
    await channel.bindExchange(first, second, 'order.placed');
    await channel.bindQueue(queue, second, 'order.placed');
    for (const key of ['order.placed', 'order.paid', 'invoice'])
      channel.publish(first, key, Buffer.from(key));
    await channel.waitForConfirms();
    const [message] = await client.take(queue, 1);
    expect(message?.fields).toMatchObject({ exchange: first, routingKey: 'order.placed' });
    await channel.unbindExchange(second, first, 'order.#');
    channel.publish(first, 'order.placed', Buffer.from('late'));
    await channel.waitForConfirms();
    await expect(channel.checkQueue(queue)).resolves.toMatchObject({ messageCount: 0 });
  });

  keeps('hands what nobody matched to the alternate exchange, and only that', async (client) => {
    const { channel } = client;
    const { exchange: last, queue: unmatched } = await client.tap();
    const middle = await client.exchange('direct', { alternateExchange: last });
    const exchange = await client.exchange('direct', { alternateExchange: middle });
    const queue = await client.queue();
    await channel.bindQueue(queue, exchange, 'known');
    for (const key of ['known', 'unknown'])
      channel.publish(exchange, key, Buffer.from(key), { mandatory: true });
    await channel.waitForConfirms();
    await expect(client.take(unmatched, 1).then(bodiesOf)).resolves.toEqual(['unknown']);
    await expect(client.take(queue, 1).then(bodiesOf)).resolves.toEqual(['known']);
  });

  keeps('takes messages for an internal exchange only from exchanges', async (client) => {
    const { channel } = client;
    const internal = await client.exchange('fanout', { internal: true });
    const exchange = await client.exchange('fanout');
    const queue = await client.queue();
    await channel.bindExchange(internal, exchange, '');
    await channel.bindQueue(queue, internal, '');
    channel.publish(exchange, '', Buffer.from('in'));
    await client.take(queue, 1);
    const said = await lateRefusal(channel, 403, () => channel.publish(internal, '', Buffer.from('no')));
    expect(said).toBe(`ACCESS_REFUSED - cannot publish to internal exchange '${internal}' in vhost '/'`);
  });

  keeps('sends copies to the keys of CC and BCC, and does not show BCC', async (client) => {
    const [first, second, third] = [await client.queue(), await client.queue(), await client.queue()];
    await client.send(first, ['copy'], { CC: [second], BCC: [third], headers: { mine: 1 } });
    for (const queue of [first, second, third]) {
      const [message] = await client.take(queue, 1);
      expect(message?.properties.headers).toEqual({ CC: [second], mine: 1 });
      expect(message?.fields.routingKey).toBe(first);
    }
  });

  keeps('stops routing to what is unbound or deleted', async (client) => {
    const { channel } = client;
    const { exchange, queue } = await client.tap();
    await channel.unbindQueue(queue, exchange, '');
    await expect(isRouted(client, exchange)).resolves.toBe(false);
    await channel.bindQueue(queue, exchange, '');
    await channel.deleteQueue(queue);
    await channel.assertQueue(queue);
    await expect(isRouted(client, exchange)).resolves.toBe(false);
  });
}

/** Binds a queue for each key, publishes under each of the others, and says what arrived where. */
async function received(client: Client, exchange: string, bound: string[], published: string[]) {
  const queues = await Promise.all(
    bound.map(async (key) => {
      const queue = await client.queue();
      await client.channel.bindQueue(queue, exchange, key);
      return [key, queue] as const;
    }),
  );
  for (const key of published) client.channel.publish(exchange, key, Buffer.from(key));
  await client.channel.waitForConfirms();
  return contents(client, queues);
}

async function contents(client: Client, queues: (readonly [name: string, queue: string])[]) {
  const found: Record<string, string[]> = {};
  for (const [name, queue] of queues) {
    const bodies: string[] = [];
    for (;;) {
      const message = await client.channel.get(queue, { noAck: true });
      if (!message) break;
      bodies.push(message.content.toString());
    }
    found[name] = bodies;
  }
  return found;
}

/** Whether a mandatory message with the key `k` comes back. */
async function isRouted({ channel }: Client, exchange: string): Promise<boolean> {
  let returned = false;
  const note = () => (returned = true);
  channel.once('return', note);
  channel.publish(exchange, 'k', Buffer.alloc(0), { mandatory: true });
  await channel.waitForConfirms();
  channel.off('return', note);
  return !returned;
}
