import { afterEach, beforeEach } from '@jest/globals';
import type { Channel, ChannelModel, ConfirmChannel } from 'amqplib';
import { connect } from 'amqplib';
import type { EmbeddedBroker, EmbeddedBrokerOptions } from '../../lib/testing/broker/broker.js';
import { startEmbeddedBroker } from '../../lib/testing/broker/broker.js';

/** A broker for each test of a file, closed after it whatever the test did to it. */
export function embeddedBroker(options?: EmbeddedBrokerOptions): () => EmbeddedBroker {
  let broker: EmbeddedBroker;
  beforeEach(async () => {
    broker = await startEmbeddedBroker(options);
  });
  afterEach(() => broker.close());
  return () => broker;
}

export async function opened(url: string): Promise<{ connection: ChannelModel; channel: ConfirmChannel }> {
  const connection = await connect(url, { noDelay: true });
  return { connection, channel: await connection.createConfirmChannel() };
}

/** Settles when all are confirmed. */
export async function sendAll(
  channel: ConfirmChannel,
  queue: string,
  bodies: string[],
  persistent = true,
): Promise<void> {
  for (const body of bodies) channel.sendToQueue(queue, Buffer.from(body), { persistent });
  await channel.waitForConfirms();
}

export async function everythingIn(
  channel: Channel,
  queue: string,
): Promise<[body: string, redelivered: boolean][]> {
  const found: [string, boolean][] = [];
  for (;;) {
    const message = await channel.get(queue, { noAck: true });
    if (!message) return found;
    found.push([message.content.toString(), message.fields.redelivered]);
  }
}
