import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Client, Inbox } from './client.js';
import { Crowd, move } from './crowd.js';
import { Script, step } from './script.js';

/** Two brokers that are asked the same must answer the same, whatever it is. */
export function agreementContract(oneUrl: () => string, otherUrl: () => string): void {
  test('agree which topic patterns match which keys', async () => {
    const word = fc.constantFrom('a', 'b', 'order', '*', '#', '');
    const key = fc.array(word, { maxLength: 6 }).map((words) => words.join('.'));
    const sample = {
      patterns: fc.uniqueArray(key, { minLength: 30, maxLength: 30 }),
      keys: fc.array(key, { minLength: 30 }),
    };
    await between(oneUrl(), otherUrl(), async (one, other) => {
      await fc.assert(
        fc.asyncProperty(fc.record(sample), async ({ patterns, keys }) => {
          const [matched, alsoMatched] = await Promise.all(
            [one, other].map((client) => matches(client, patterns, keys)),
          );
          expect(matched).toEqual(alsoMatched);
        }),
        { numRuns: 12 },
      );
    });
  });

  test('agree on what any sequence of calls does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 30 }), (steps) =>
        between(oneUrl(), otherUrl(), async (one, other) => {
          const [script, shadow] = await Promise.all([Script.on(one), Script.on(other)]);
          for (const each of steps) {
            const answer = await script.run(each);
            expect(await shadow.run(each)).toEqual(answer);
            await settled(script, shadow);
          }
        }),
      ),
      { numRuns: 25 },
    );
  });

  for (const [kind, args] of Object.entries(CROWDED)) {
    test(`agree on who is given what from ${kind}`, async () => {
      expect.hasAssertions();
      await fc.assert(
        fc.asyncProperty(fc.array(move, { minLength: 5, maxLength: 40 }), (moves) =>
          between(oneUrl(), otherUrl(), async (one, other) => {
            const [crowd, shadow] = await Promise.all([Crowd.around(one, args), Crowd.around(other, args)]);
            for (const each of moves) {
              await Promise.all([crowd.run(each), shadow.run(each)]);
              await settled(crowd, shadow);
            }
          }),
        ),
        { numRuns: 15 },
      );
    });
  }
}

/**
 * A classic queue with a single active consumer is not here: RabbitMQ 3.10 lets the backlog wait when the active one is
 * cancelled, and breaks down at the next publish.
 */
const CROWDED: Record<string, Record<string, unknown>> = {
  'a classic queue': {},
  'a quorum queue': { 'x-queue-type': 'quorum' },
  'a quorum queue with a delivery limit': { 'x-queue-type': 'quorum', 'x-delivery-limit': 3 },
  'a quorum queue with a single active consumer': {
    'x-queue-type': 'quorum',
    'x-single-active-consumer': true,
  },
};

/** What one broker does at once, the other may do a moment later; in the end they must be in the same state. */
async function settled(
  one: { state(): Promise<string> },
  other: { state(): Promise<string> },
): Promise<void> {
  const deadline = performance.now() + 3000;
  let states: string[];
  do states = await Promise.all([one.state(), other.state()]);
  while (states[0] !== states[1] && performance.now() < deadline);
  expect(states[1]).toBe(states[0]);
}

async function between(
  oneUrl: string,
  otherUrl: string,
  compare: (one: Client, other: Client) => Promise<void>,
): Promise<void> {
  const [one, other] = [await Client.open(oneUrl), await Client.open(otherUrl)];
  try {
    await compare(one, other);
  } finally {
    await Promise.all([one.close(), other.close()]);
  }
}

/** For each pattern, the keys that reached a queue bound with it. */
async function matches(
  client: Client,
  patterns: string[],
  keys: string[],
): Promise<Record<string, string[]>> {
  const { channel } = client;
  const exchange = await client.exchange('topic', { durable: false });
  const bound = await Promise.all(
    patterns.map(async (pattern) => {
      const { queue } = await channel.assertQueue('', { exclusive: true });
      await channel.bindQueue(queue, exchange, pattern);
      return { pattern, queue, inbox: await Inbox.on(channel, queue, { noAck: true }) };
    }),
  );
  for (const key of keys) channel.publish(exchange, key, Buffer.from(key));
  // What is published last on a channel arrives last: when the marks are there, everything is.
  for (const { queue } of bound) channel.sendToQueue(queue, Buffer.from('the end'));
  const found = bound.map(async ({ pattern, inbox }) => [pattern, await inbox.until('the end')] as const);
  return Object.fromEntries(await Promise.all(found));
}
