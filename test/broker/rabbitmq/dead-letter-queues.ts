import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import amqp, { type ConfirmChannel, type GetMessage } from 'amqplib';
import type { DeadLetterHold, QueuedDeadLetter } from '../../../lib/broker/dead-letters.js';
import { RabbitConnection } from '../../../lib/broker/rabbitmq/connection.js';
import { RabbitDeadLetterQueues } from '../../../lib/broker/rabbitmq/dead-letters/rabbit-dead-letter-queues.js';
import { createPlayground, eventually, type Playground } from '../../support/outbox-app.js';

export const silent = { log: () => undefined, warn: () => undefined };

/** A handler's queue and its dead-letter queue, both empty for each test, and operators. */
export function useDeadLetterQueues(type: string) {
  let playground: Playground;
  let channel: ConfirmChannel;
  let connection: Awaited<ReturnType<typeof amqp.connect>>;
  let handler: string;
  let dlq: string;
  let opened: RabbitDeadLetterQueues[];
  const connections: RabbitConnection[] = [];

  beforeAll(async () => {
    playground = await createPlayground();
    connection = await amqp.connect(playground.rabbitUrl);
    channel = await connection.createConfirmChannel();
    handler = `${playground.name}.Invoicing.invoice`;
    dlq = `${handler}.dlq`;
    for (const queue of [handler, dlq]) playground.remember('queue', queue);
  });
  afterAll(async () => {
    await connection?.close();
    await playground?.close();
  });
  beforeEach(async () => {
    opened = [];
    for (const queue of [handler, dlq]) await channel.deleteQueue(queue);
    const limit = type === 'quorum' ? { 'x-delivery-limit': 2 ** 31 - 1 } : {};
    await channel.assertQueue(dlq, { arguments: { 'x-queue-type': type, ...limit } });
    await channel.assertQueue(handler, { arguments: { 'x-queue-type': type } });
  });
  afterEach(async () => {
    await Promise.all(opened.map((queues) => queues.close()));
  });

  /** An operator on a connection of his own. */
  const operator = () => {
    const connect = () => {
      const made = new RabbitConnection({
        urls: [playground.rabbitUrl],
        name: 'operator',
        heartbeat: 10_000,
        reconnectDelay: 100,
        logger: silent,
      });
      connections.push(made);
      return made;
    };
    const queues = new RabbitDeadLetterQueues(connect, { exchange: playground.name, publishTimeout: 5_000 });
    opened.push(queues);
    return queues;
  };
  const hold = async (queues: RabbitDeadLetterQueues): Promise<DeadLetterHold> => {
    const held = await queues.hold(handler);
    if (!held) throw new Error('There is no dead-letter queue.');
    return held;
  };
  const bury = async (from: number, to: number) => {
    for (let number = from; number <= to; number++) {
      channel.sendToQueue(dlq, Buffer.from(String(number)), { messageId: `m${number}`, persistent: true });
    }
    await channel.waitForConfirms();
  };
  const numbers = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, index) => `m${from + index}`);
  const idsOf = (letters: readonly QueuedDeadLetter[]) => letters.map(({ message }) => message.id);
  const all = async (held: DeadLetterHold, limit = 1_000) => {
    const letters: QueuedDeadLetter[] = [];
    for (;;) {
      const next = await held.next(limit);
      if (next.length === 0) return letters;
      letters.push(...next);
    }
  };
  /** Takes everything off a queue, once this many are ready. */
  const drain = async (queue: string, count: number): Promise<GetMessage[]> => {
    await eventually(async () => (await channel.checkQueue(queue)).messageCount === count);
    const messages: GetMessage[] = [];
    for (;;) {
      const message = await channel.get(queue, { noAck: true });
      if (!message) return messages;
      messages.push(message);
    }
  };
  const drainIds = async (queue: string, count: number) =>
    (await drain(queue, count)).map(({ properties }) => properties.messageId as string);

  return {
    playground: () => playground,
    channel: () => channel,
    handler: () => handler,
    dlq: () => dlq,
    connections,
    closeLast: () => opened.pop()?.close(),
    operator,
    hold,
    bury,
    numbers,
    idsOf,
    all,
    drain,
    drainIds,
  };
}
