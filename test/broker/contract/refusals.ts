import { expect } from '@jest/globals';
import type { Options } from 'amqplib';
import type { Contract } from './client.js';
import { closing, refusal } from './client.js';

/** The words count: they are how a topology mismatch is reported and understood. */
export function refusalContract(keeps: Contract): void {
  for (const [difference, first, second, words] of DIFFERENCES) {
    keeps(`refuses to declare a queue again with ${difference}`, async (client) => {
      const queue = await client.queue(first);
      const said = await refusal(client.channel, 406, () => client.channel.assertQueue(queue, second));
      expect(said).toBe(`PRECONDITION_FAILED - inequivalent arg ${words(queue)}`);
    });
  }

  for (const [argument, options, words] of INVALID) {
    keeps(`refuses ${argument}`, async (client) => {
      const queue = client.queueName();
      const said = await refusal(client.channel, 406, () => client.channel.assertQueue(queue, options));
      expect(said).toBe(`PRECONDITION_FAILED - ${words.replace('Q', `queue '${queue}' in vhost '/'`)}`);
    });
  }

  keeps('takes x-queue-type classic and none for the same', async (client) => {
    const queue = await client.queue();
    const typed = { arguments: { 'x-queue-type': 'classic' } };
    await expect(client.channel.assertQueue(queue, typed)).resolves.toMatchObject({ queue });
  });

  keeps('takes an exclusive queue for transient, whatever was asked', async (client) => {
    const { channel } = client;
    const name = client.queueName();
    await channel.assertQueue(name, { exclusive: true, durable: true });
    await expect(channel.assertQueue(name, { exclusive: true, durable: false })).resolves.toMatchObject({
      queue: name,
    });
  });

  keeps('does not compare arguments it does not know', async (client) => {
    const queue = await client.queue({ arguments: { 'my-own': 1 } });
    await expect(client.channel.assertQueue(queue, { arguments: { 'my-own': 2 } })).resolves.toMatchObject({
      queue,
    });
  });

  keeps('refuses to declare an exchange again with another type, durability or alternate', async (client) => {
    const exchange = await client.exchange('topic', { alternateExchange: 'amq.fanout' });
    const again: [type: string, options: Options.AssertExchange, words: string][] = [
      [
        'direct',
        {},
        `arg 'type' for exchange '${exchange}' in vhost '/': received 'direct' but current is 'topic'`,
      ],
      [
        'topic',
        { durable: false },
        `arg 'durable' for exchange '${exchange}' in vhost '/': received 'false' but current is 'true'`,
      ],
      [
        'topic',
        {},
        `arg 'alternate-exchange' for exchange '${exchange}' in vhost '/': received none but current is the value ` +
          "'amq.fanout' of type 'longstr'",
      ],
    ];
    for (const [type, options, words] of again) {
      const channel = await client.anotherChannel();
      const said = await refusal(channel, 406, () => channel.assertExchange(exchange, type, options));
      expect(said).toBe(`PRECONDITION_FAILED - inequivalent ${words}`);
    }
  });

  keeps('does not find a queue or exchange that is not there, and names it', async (client) => {
    const { channel } = client;
    const missing = client.queueName();
    const checked = await refusal(channel, 404, () => channel.checkQueue(missing));
    expect(checked).toBe(`NOT_FOUND - no queue '${missing}' in vhost '/'`);
    const calls: [kind: string, call: (on: typeof channel) => Promise<unknown>][] = [
      ['exchange', (on) => on.checkExchange(missing)],
      ['exchange', (on) => on.bindQueue(missing, missing, '')],
      ['queue', (on) => on.bindQueue(missing, 'amq.topic', '')],
      ['exchange', (on) => on.bindExchange(missing, 'amq.topic', '')],
      ['queue', (on) => on.consume(missing, () => {})],
      ['queue', (on) => on.get(missing)],
      ['queue', (on) => on.purgeQueue(missing)],
    ];
    for (const [kind, call] of calls) {
      const other = await client.anotherChannel();
      const said = await refusal(other, 404, () => call(other));
      expect(said).toBe(`NOT_FOUND - no ${kind} '${missing}' in vhost '/'`);
    }
  });

  keeps('takes a binding that is not there for removed', async (client) => {
    const queue = await client.queue();
    const missing = client.exchangeName();
    await expect(client.channel.unbindQueue(queue, 'amq.topic', 'a')).resolves.toBeDefined();
    await expect(client.channel.unbindQueue(queue, missing, 'a')).resolves.toBeDefined();
    await expect(client.channel.unbindQueue(missing, 'amq.topic', 'a')).resolves.toBeDefined();
  });

  keeps('refuses reserved names, the default exchange and the end of what is predeclared', async (client) => {
    const queue = await client.queue();
    const calls: [words: string, call: (on: typeof client.channel) => Promise<unknown>][] = [
      ["queue name 'amq.mine' contains reserved prefix 'amq.*'", (on) => on.assertQueue('amq.mine')],
      [
        "exchange name 'amq.mine' contains reserved prefix 'amq.*'",
        (on) => on.assertExchange('amq.mine', 'direct'),
      ],
      ['operation not permitted on the default exchange', (on) => on.bindQueue(queue, '', 'key')],
      ['operation not permitted on the default exchange', (on) => on.assertExchange('', 'direct')],
      [
        "deletion of system exchange 'amq.topic' in vhost '/' not allowed",
        (on) => on.deleteExchange('amq.topic'),
      ],
    ];
    for (const [words, call] of calls) {
      const channel = await client.anotherChannel();
      await expect(refusal(channel, 403, () => call(channel))).resolves.toBe(`ACCESS_REFUSED - ${words}`);
    }
  });

  keeps('closes the connection at an unknown exchange type', async (client) => {
    const connection = await client.anotherConnection();
    const channel = await connection.createChannel();
    const closed = closing(connection);
    await expect(channel.assertExchange(client.exchangeName(), 'fanin')).rejects.toThrow('Channel ended');
    await expect(closed).resolves.toMatchObject({
      code: 503,
      message: expect.stringContaining("COMMAND_INVALID - unknown exchange type 'fanin'"),
    });
  });
}

type Difference = [
  difference: string,
  first: Options.AssertQueue,
  second: Options.AssertQueue,
  words: (queue: string) => string,
];

const QUORUM = { 'x-queue-type': 'quorum' };

const DIFFERENCES: Difference[] = [
  [
    'another TTL',
    { messageTtl: 1000 },
    { messageTtl: 2000 },
    (queue) => `'x-message-ttl' for queue '${queue}' in vhost '/': received '2000' but current is '1000'`,
  ],
  [
    'no TTL',
    { messageTtl: 1000 },
    {},
    (queue) =>
      `'x-message-ttl' for queue '${queue}' in vhost '/': received none but current is the value '1000' of type ` +
      "'short'",
  ],
  [
    'a TTL it did not have',
    {},
    { messageTtl: 100_000 },
    (queue) =>
      `'x-message-ttl' for queue '${queue}' in vhost '/': received the value '100000' of type 'signedint' but ` +
      'current is none',
  ],
  [
    'another dead-letter exchange',
    { deadLetterExchange: '' },
    { deadLetterExchange: 'other' },
    (queue) =>
      `'x-dead-letter-exchange' for queue '${queue}' in vhost '/': received 'other' but current is ''`,
  ],
  [
    'another durability',
    {},
    { durable: false },
    (queue) => `'durable' for queue '${queue}' in vhost '/': received 'false' but current is 'true'`,
  ],
  [
    'auto-delete',
    {},
    { autoDelete: true },
    (queue) => `'auto_delete' for queue '${queue}' in vhost '/': received 'true' but current is 'false'`,
  ],
  [
    'another type',
    {},
    { arguments: QUORUM },
    (queue) =>
      `'x-queue-type' for queue '${queue}' in vhost '/': received the value 'quorum' of type 'longstr' but current ` +
      'is none',
  ],
  [
    'a single active consumer',
    { arguments: QUORUM },
    { arguments: { ...QUORUM, 'x-single-active-consumer': true } },
    (queue) =>
      `'x-single-active-consumer' for queue '${queue}' in vhost '/': received the value 'true' of type 'bool' but ` +
      'current is none',
  ],
];

const INVALID: [argument: string, options: Options.AssertQueue, words: string][] = [
  ['a negative TTL', { messageTtl: -1 }, "invalid arg 'x-message-ttl' for Q: {value_negative,-1}"],
  [
    'a TTL that is no number',
    { arguments: { 'x-message-ttl': '1s' } },
    `invalid arg 'x-message-ttl' for Q: "expected integer, got longstr"`,
  ],
  ['a broken TTL', { messageTtl: 1.5 }, `invalid arg 'x-message-ttl' for Q: "expected integer, got double"`],
  [
    'a TTL above ten years',
    { messageTtl: 315_360_000_001 },
    "invalid arg 'x-message-ttl' for Q: {value_too_large,315360000001}",
  ],
  ['x-expires 0', { expires: 0 }, "invalid arg 'x-expires' for Q: {value_zero,0}"],
  ['an unknown overflow', { overflow: 'explode' }, "invalid arg 'x-overflow' for Q: invalid_overflow"],
  ['a negative length', { maxLength: -1 }, "invalid arg 'x-max-length' for Q: {value_negative,-1}"],
  [
    'a priority above 255',
    { maxPriority: 256 },
    "invalid arg 'x-max-priority' for Q: {max_value_exceeded,256}",
  ],
  [
    'a dead-letter routing key alone',
    { deadLetterRoutingKey: 'k' },
    "invalid arg 'x-dead-letter-routing-key' for Q: routing_key_but_no_dlx_defined",
  ],
  [
    'a dead-letter exchange that is no name',
    { arguments: { 'x-dead-letter-exchange': 7 } },
    "invalid type 'byte' for arg 'x-dead-letter-exchange' in Q",
  ],
  [
    'a single active consumer that is not a boolean',
    { arguments: { 'x-single-active-consumer': 'yes' } },
    "invalid arg 'x-single-active-consumer' for Q: {unacceptable_type,longstr}",
  ],
  [
    'an unknown queue type',
    { arguments: { 'x-queue-type': 'lazy' } },
    `invalid arg 'x-queue-type' for Q: "unsupported queue type 'lazy'"`,
  ],
  [
    'a stream argument for a classic queue',
    { arguments: { 'x-max-age': '1D' } },
    "invalid arg 'x-max-age' for Q of queue type rabbit_classic_queue",
  ],
  [
    'priorities for a quorum queue',
    { maxPriority: 5, arguments: QUORUM },
    "invalid arg 'x-max-priority' for Q of queue type rabbit_quorum_queue",
  ],
  ['a transient quorum queue', { durable: false, arguments: QUORUM }, "invalid property 'non-durable' for Q"],
  [
    'an auto-delete quorum queue',
    { autoDelete: true, arguments: QUORUM },
    "invalid property 'auto-delete' for Q",
  ],
  [
    'an exclusive quorum queue',
    { exclusive: true, arguments: QUORUM },
    "invalid property 'exclusive-owner' for Q",
  ],
];
