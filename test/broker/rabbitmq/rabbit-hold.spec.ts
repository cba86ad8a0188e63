import { EventEmitter } from 'node:events';
import { expect, test } from '@jest/globals';
import type { ConsumeMessage } from 'amqplib';
import type { RabbitConnection } from '../../../lib/broker/rabbitmq/connection.js';
import type { Homes } from '../../../lib/broker/rabbitmq/dead-letters/homes.js';
import type { OperatorPublisher } from '../../../lib/broker/rabbitmq/dead-letters/operator-publisher.js';
import { RabbitDeadLetterHold } from '../../../lib/broker/rabbitmq/dead-letters/rabbit-hold.js';

const message = (number: number) =>
  ({
    content: Buffer.from(''),
    fields: { routingKey: 'q' },
    properties: { messageId: `m${number}` },
  }) as ConsumeMessage;

/** A channel on a queue of five messages. */
class FakeChannel extends EventEmitter {
  checkQueue = () => Promise.resolve({ messageCount: 5 });
  prefetch = () => Promise.resolve();
  consume = (_: string, take: (message: ConsumeMessage) => void) => {
    for (let number = 0; number < 5; number++) take(message(number));
    return Promise.resolve();
  };
  cancel = () => Promise.resolve();
  ack = () => undefined;
  close = () => Promise.resolve();
}

test('lets nobody else at the queue before all that was held is on it again', async () => {
  const counts = [0, 0, 1, 3];
  let letGo: number | undefined;
  const hold = new RabbitDeadLetterHold(
    { openChannel: () => Promise.resolve(new FakeChannel()) } as unknown as RabbitConnection,
    { queue: 'q', homeOf: () => 'q' },
    {} as Homes,
    { close: () => Promise.resolve() } as OperatorPublisher,
    () => Promise.resolve(counts.shift() ?? 0),
    () => {
      letGo = counts.length;
      return Promise.resolve();
    },
  );
  const letters = await hold.next(5);
  await hold.remove(letters.slice(0, 2));
  await hold.release();
  expect(letters).toHaveLength(5);
  expect(letGo).toBe(0);
});
