import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { matchesPattern } from '../../lib/event/pattern.js';
import { createPlayground, eventually, type Playground } from '../support/outbox-app.js';

let playground: Playground;

beforeAll(async () => {
  playground = await createPlayground();
});

afterAll(() => playground?.close());

const word = fc.constantFrom('order', 'placed', 'user', 'created', 'x');
const key = fc.array(word, { minLength: 1, maxLength: 5 }).map((words) => words.join('.'));
const pattern = fc
  .array(fc.oneof(word, fc.constantFrom('*', '#')), { minLength: 1, maxLength: 5 })
  .map((words) => words.join('.'));

test('our matcher says of random types and patterns what RabbitMQ does with them', async () => {
  const [patterns, keys] = [fc.sample(pattern, 60), [...new Set(fc.sample(key, 120))]];
  const channel = await playground.channel();
  await channel.assertExchange(playground.name, 'topic', { durable: true });
  const received = new Map<string, Set<string>>();
  let last = 0;
  for (const [index, bound] of patterns.entries()) {
    const { queue } = await channel.assertQueue('', { exclusive: true });
    const seen = new Set<string>();
    received.set(`${index} ${bound}`, seen);
    await channel.bindQueue(queue, playground.name, bound);
    await channel.bindQueue(queue, playground.name, 'the.end.of.all.the.keys');
    const take = (message: { fields: { routingKey: string } } | null) => {
      if (message?.fields.routingKey === 'the.end.of.all.the.keys') last++;
      else if (message) seen.add(message.fields.routingKey);
    };
    await channel.consume(queue, take, { noAck: true });
  }
  for (const routingKey of [...keys, 'the.end.of.all.the.keys']) {
    channel.publish(playground.name, routingKey, Buffer.alloc(0));
  }
  await eventually(() => last === patterns.length);
  for (const [index, bound] of patterns.entries()) {
    const expected = keys.filter((routingKey) => matchesPattern(bound, routingKey));
    expect({ bound, keys: [...(received.get(`${index} ${bound}`) ?? [])].sort() }).toEqual({
      bound,
      keys: expected.sort(),
    });
  }
});
