import { expect, test } from '@jest/globals';
import type { ConfirmChannel } from 'amqplib';
import { connect } from 'amqplib';
import { Inbox, numbered } from './contract/client.js';
import { embeddedBroker, everythingIn, opened, sendAll } from './embedded.js';

const broker = embeddedBroker();

async function open(): Promise<ConfirmChannel> {
  return (await opened(broker().url)).channel;
}

async function restart(): Promise<ConfirmChannel> {
  await broker().stop();
  await broker().start();
  return open();
}

test('keeps durable queues and persistent messages and loses the others', async () => {
  const channel = await open();
  await channel.assertQueue('durable');
  await channel.assertQueue('transient', { durable: false });
  await channel.assertQueue('quorum', { arguments: { 'x-queue-type': 'quorum' } });
  await sendAll(channel, 'durable', ['kept 1'], true);
  await sendAll(channel, 'durable', ['lost'], false);
  await sendAll(channel, 'durable', ['kept 2'], true);
  await sendAll(channel, 'quorum', ['kept in any case'], false);
  const next = await restart();
  expect(
    broker()
      .queues()
      .map(({ name }) => name),
  ).toEqual(['durable', 'quorum']);
  await expect(everythingIn(next, 'durable')).resolves.toEqual([
    ['kept 1', false],
    ['kept 2', false],
  ]);
  await expect(everythingIn(next, 'quorum')).resolves.toEqual([['kept in any case', false]]);
});

test('keeps what binds durable things and loses exclusive queues and transient exchanges', async () => {
  const channel = await open();
  await channel.assertExchange('events', 'topic');
  await channel.assertExchange('passing', 'topic', { durable: false });
  await channel.assertQueue('orders');
  await channel.assertQueue('own', { exclusive: true });
  await channel.bindQueue('orders', 'events', 'order.#');
  await channel.bindQueue('own', 'events', '#');
  await channel.bindQueue('orders', 'passing', '#');
  await restart();
  const exchanges = broker()
    .exchanges()
    .filter(({ name }) => !name.startsWith('amq.'));
  expect(exchanges).toMatchObject([
    {
      name: 'events',
      bindings: [{ destination: 'orders', destinationType: 'queue', routingKey: 'order.#' }],
    },
  ]);
  expect(exchanges[0]?.bindings).toHaveLength(1);
  expect(
    broker()
      .queues()
      .map(({ name }) => name),
  ).toEqual(['orders']);
});

test('gives back what was unacknowledged, in its place and marked', async () => {
  const channel = await open();
  await channel.assertQueue('orders');
  await sendAll(channel, 'orders', numbered(5));
  for (const prefetch of [2, 2]) {
    const consumer = await open();
    await consumer.prefetch(prefetch);
    await (await Inbox.on(consumer, 'orders')).next(prefetch);
  }
  await expect(everythingIn(await restart(), 'orders')).resolves.toEqual([
    ['m0', true],
    ['m1', true],
    ['m2', true],
    ['m3', true],
    ['m4', false],
  ]);
});

test('counts one return for each unacknowledged message, however many consumers were there', async () => {
  const channel = await open();
  await channel.assertQueue('orders', { arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 1 } });
  await sendAll(channel, 'orders', numbered(2));
  const inboxes = [await Inbox.on(channel, 'orders'), await Inbox.on(await open(), 'orders')];
  await Promise.race(inboxes.map((inbox) => inbox.next(2)));
  const next = await Inbox.on(await restart(), 'orders');
  const messages = await next.next(2);
  expect(messages.map(({ properties }) => properties.headers)).toEqual([
    { 'x-delivery-count': 1 },
    { 'x-delivery-count': 1 },
  ]);
});

test('stands while it is down, and catches up when it is back', async () => {
  const channel = await open();
  await channel.assertQueue('dead');
  await channel.assertQueue('waiting', {
    messageTtl: 1,
    deadLetterExchange: '',
    deadLetterRoutingKey: 'dead',
  });
  channel.sendToQueue('waiting', Buffer.from('late'), { persistent: true });
  await channel.waitForConfirms();
  await broker().stop();
  await expect(connect(broker().url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  const standing = broker()
    .queues()
    .map(({ name, messages }) => [name, messages]);
  await new Promise((resolve) => setTimeout(resolve, 5)); // longer than the message may wait
  expect(
    broker()
      .queues()
      .map(({ name, messages }) => [name, messages]),
  ).toEqual(standing);
  await broker().start();
  await expect((await Inbox.on(await open(), 'dead')).nextBodies(1)).resolves.toEqual(['late']);
});

test('deletes an unused queue with x-expires only after it is back', async () => {
  const channel = await open();
  await channel.assertQueue('brief', { expires: 20 });
  await broker().stop();
  await new Promise((resolve) => setTimeout(resolve, 25)); // longer than the queue may be unused
  expect(broker().queues()).toHaveLength(1);
  await broker().start();
  while (broker().queues().length > 0) await new Promise((resolve) => setImmediate(resolve));
  expect(broker().queues()).toEqual([]);
});

test('is nothing when it is up already, and nothing twice', async () => {
  await broker().start();
  await broker().stop();
  await broker().stop();
  await broker().start();
  await expect((await open()).close()).resolves.toBeUndefined();
});
