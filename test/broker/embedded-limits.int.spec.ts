import { expect, test } from '@jest/globals';
import { connect } from 'amqplib';
import { startEmbeddedBroker } from '../../lib/testing/broker/broker.js';
import { closing, Inbox, lateRefusal } from './contract/client.js';
import { embeddedBroker, opened, sendAll } from './embedded.js';

const broker = embeddedBroker({ maxMessageSize: 1000 });

test('closes the channel of a message that is too large, and takes one that just fits', async () => {
  const { connection, channel } = await opened(broker().url);
  await channel.assertQueue('orders');
  await sendAll(channel, 'orders', ['x'.repeat(1000)]);
  const said = await lateRefusal(channel, 406, () => channel.sendToQueue('orders', Buffer.alloc(1001)));
  expect(said).toBe('PRECONDITION_FAILED - message size 1001 is larger than configured max size 1000');
  const next = await connection.createConfirmChannel();
  await expect(next.checkQueue('orders')).resolves.toMatchObject({ messageCount: 1 });
});

test('moves a message on whose headers leave no room for its history', async () => {
  const { channel } = await opened(broker().url);
  await channel.assertQueue('dead');
  await channel.assertQueue('waiting', {
    messageTtl: 1,
    deadLetterExchange: '',
    deadLetterRoutingKey: 'dead',
  });
  const headers = { large: 'x'.repeat(65_500) };
  const inbox = await Inbox.on(channel, 'dead');
  channel.sendToQueue('waiting', Buffer.from('m'), { headers });
  const [message] = await inbox.next();
  expect(message?.properties.headers).toEqual(headers);
});

test('proposes the heartbeat it is given', async () => {
  const other = await startEmbeddedBroker({ heartbeat: 7 });
  const connection = await connect(other.url);
  expect((connection.connection as unknown as { heartbeat: number }).heartbeat).toBe(7);
  await other.close();
});

test('serves a long queue to a slow reader without handing it all out', async () => {
  const large = await startEmbeddedBroker();
  const connection = await connect(large.url);
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue('long');
  for (let index = 0; index < 400; index++) channel.sendToQueue('long', Buffer.alloc(100_000, index));
  await channel.waitForConfirms();
  const reader = await connect(large.url);
  const socket = (reader.connection as unknown as { stream: { pause(): void; resume(): void } }).stream;
  const inbox = await Inbox.on(await reader.createChannel(), 'long', { noAck: true });
  socket.pause();
  await channel.checkQueue('long');
  expect(large.queues()[0]?.messages).toBeGreaterThan(0);
  socket.resume();
  const messages = await inbox.next(400);
  expect(messages.every(({ content }, index) => content[0] === index % 256)).toBe(true);
  await large.close();
});

test('survives what no client would send', async () => {
  const { connection } = await opened(broker().url);
  const closed = closing(connection);
  const { stream } = connection.connection as unknown as { stream: { write(bytes: Buffer): void } };
  stream.write(Buffer.from([1, 0, 1, 0, 0, 0, 4, 255, 255, 255, 255, 0xce]));
  await expect(closed).resolves.toMatchObject({ code: 502 });
  const next = await opened(broker().url);
  await expect(next.channel.checkExchange('amq.topic')).resolves.toBeDefined();
});
