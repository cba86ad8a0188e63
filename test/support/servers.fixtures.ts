import { connect } from 'amqplib';
import pg from 'pg';

/** One statement on a connection of its own. */
export async function query(
  url: string,
  sql: string,
  values: unknown[] = [],
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

export type QueueType = 'classic' | 'quorum';

/** Declares a durable queue and publishes persistent messages to it, until they are confirmed. */
export async function publishDurably(
  url: string,
  queue: string,
  bodies: string[],
  type: QueueType = 'classic',
): Promise<void> {
  const connection = await connect(url);
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': type } });
  for (const body of bodies) channel.sendToQueue(queue, Buffer.from(body), { persistent: true });
  await channel.waitForConfirms();
  await connection.close();
}

/** Takes all messages of a queue. */
export async function drain(url: string, queue: string): Promise<string[]> {
  const connection = await connect(url);
  try {
    const channel = await connection.createChannel();
    channel.on('error', () => undefined);
    const bodies: string[] = [];
    for (let got = await channel.get(queue); got; got = await channel.get(queue)) {
      bodies.push(got.content.toString());
    }
    return bodies;
  } finally {
    await connection.close();
  }
}
