import { describe, expect, test } from '@jest/globals';
import { ClientRMQ, ServerRMQ } from '@nestjs/microservices';
import { connect as connectManaged } from 'amqp-connection-manager';
import type { Channel } from 'amqplib';
import { connect } from 'amqplib';
import { once } from 'node:events';
import { lastValueFrom } from 'rxjs';
import { startEmbeddedBroker } from '../../lib/testing/broker/broker.js';
import { Inbox, numbered } from './contract/client.js';
import { RawPeer } from './contract/raw-peer.js';
import { embeddedBroker, opened, sendAll } from './embedded.js';

const broker = embeddedBroker();

describe('starting and stopping', () => {
  test('listens on a free port of the loopback interface and tells its address', async () => {
    expect(broker().port).toBeGreaterThan(0);
    expect(broker().url).toBe(`amqp://127.0.0.1:${broker().port}`);
    const { connection } = await opened(broker().url);
    await expect(connection.close()).resolves.toBeUndefined();
  });

  test('takes the port it is given, and says when it is taken', async () => {
    await expect(startEmbeddedBroker({ port: broker().port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    const { port } = broker();
    await broker().close();
    const next = await startEmbeddedBroker({ port });
    expect(next.port).toBe(port);
    await next.close();
  });

  test('ends every connection and frees the port when closed, once or twice', async () => {
    const { connection } = await opened(broker().url);
    const closed = once(connection, 'close');
    await broker().close();
    await broker().close();
    await closed;
    await expect(connect(broker().url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('waits for nobody who does not speak, or does not hang up', async () => {
    const mute = await RawPeer.open(broker().url);
    const lingering = await RawPeer.open(broker().url, { lingers: true });
    await lingering.shakeHands();
    lingering.send('ConnectionClose', 0, { replyCode: 200, replyText: 'bye', classId: 0, methodId: 0 });
    await lingering.hears('\0\x0a\0\x33'); // connection.close-ok
    await broker().close();
    await mute.ended;
    expect(lingering.isOpen).toBe(true);
    lingering.destroy();
  });

  test('two brokers in one process do not meet', async () => {
    const other = await startEmbeddedBroker();
    const { channel } = await opened(broker().url);
    await channel.assertQueue('mine');
    expect(other.queues()).toEqual([]);
    await other.close();
  });

  test('tells clients why they are cut off', async () => {
    const { connection } = await opened(broker().url);
    const closed = once(connection, 'close') as Promise<[Error]>;
    await broker().stop();
    const [error] = await closed;
    expect(error.message).toContain(
      "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'",
    );
  });
});

describe('a cut', () => {
  test('ends every connection with the reason given, and lets them come back', async () => {
    const [first, second] = [await opened(broker().url), await opened(broker().url)];
    const closed = Promise.all([first, second].map(({ connection }) => once(connection, 'close')));
    await broker().closeConnections('upgrade');
    for (const [error] of (await closed) as [Error][]) {
      expect(error.message).toContain('320 (CONNECTION-FORCED) with message "CONNECTION_FORCED - upgrade"');
    }
    const { connection } = await opened(broker().url);
    await expect(connection.close()).resolves.toBeUndefined();
  });

  test('gives the messages of the cut connections back', async () => {
    const { channel } = await opened(broker().url);
    await channel.assertQueue('orders');
    await sendAll(channel, 'orders', ['a', 'b']);
    await (await Inbox.on(channel, 'orders')).next(2);
    expect(broker().queues()).toMatchObject([{ messages: 0, unacked: 2, consumers: 1 }]);
    await broker().closeConnections();
    expect(broker().queues()).toMatchObject([{ messages: 2, unacked: 0, consumers: 0 }]);
  });

  test('is survived by amqp-connection-manager, which publishes and consumes on', async () => {
    const manager = connectManaged([broker().url], { reconnectTimeInSeconds: 0.05 });
    const bodies: string[] = [];
    let arrived = () => {};
    const wrapper = manager.createChannel({ setup: (channel: Channel) => channel.assertQueue('orders') });
    await wrapper.consume('orders', (message) => {
      wrapper.ack(message);
      bodies.push(message.content.toString());
      arrived();
    });
    const until = async (body: string) => {
      while (!bodies.includes(body)) await new Promise<void>((resolve) => (arrived = resolve));
    };
    await wrapper.sendToQueue('orders', Buffer.from('before'));
    await until('before');
    for (const [round, cut] of [() => broker().closeConnections(), () => broker().stop()].entries()) {
      const disconnected = once(manager, 'disconnect');
      await cut();
      await disconnected;
      const published = wrapper.sendToQueue('orders', Buffer.from(`round ${round}`));
      await broker().start();
      await published;
      await until(`round ${round}`);
    }
    // An acknowledgement may be lost with its connection: everything arrives, some of it twice.
    expect([...new Set(bodies)]).toEqual(['before', 'round 0', 'round 1']);
    await manager.close();
  });
});

test("carries Nest's own RabbitMQ transport, events and requests", async () => {
  const heard: unknown[] = [];
  const options = { urls: [broker().url], queue: 'nest', queueOptions: { durable: false } };
  const server = new ServerRMQ(options);
  server.addHandler('shout', (data: string) => Promise.resolve(data.toUpperCase()));
  server.addHandler('tell', (data: unknown) => Promise.resolve(heard.push(data)), true);
  await new Promise<void>((resolve, reject) => {
    void server.listen((error?: unknown) => (error ? reject(error as Error) : resolve()));
  });
  const client = new ClientRMQ(options);
  await lastValueFrom(client.emit('tell', { order: 1 }));
  await expect(lastValueFrom(client.send('shout', 'hello'))).resolves.toBe('HELLO');
  expect(heard).toEqual([{ order: 1 }]);
  await client.close();
  await server.close();
});

describe('an alarm', () => {
  test('tells a publisher to wait, holds its messages back and takes them when it is over', async () => {
    const { connection, channel } = await opened(broker().url);
    await channel.assertQueue('orders');
    broker().block();
    const blocked = once(connection, 'blocked');
    let confirmed = 0;
    for (const body of numbered(3)) channel.sendToQueue('orders', Buffer.from(body), {}, () => confirmed++);
    await expect(blocked).resolves.toEqual(['low on memory']);
    expect(broker().queues()).toMatchObject([{ name: 'orders', messages: 0 }]);
    expect(confirmed).toBe(0);
    const unblocked = once(connection, 'unblocked');
    broker().unblock();
    await unblocked;
    await channel.waitForConfirms();
    expect(broker().queues()).toMatchObject([{ name: 'orders', messages: 3 }]);
  });

  test('lets consumers go on and says nothing to who does not publish', async () => {
    const publisher = await opened(broker().url);
    await publisher.channel.assertQueue('orders');
    await sendAll(publisher.channel, 'orders', numbered(3));
    const consumer = await opened(broker().url);
    let toldToWait = false;
    consumer.connection.on('blocked', () => (toldToWait = true));
    broker().block();
    await consumer.channel.prefetch(1);
    const inbox = await Inbox.on(consumer.channel, 'orders');
    for (const body of numbered(3)) {
      const [message] = await inbox.next();
      expect(message?.content.toString()).toBe(body);
      if (message) consumer.channel.ack(message);
    }
    await expect(consumer.channel.assertQueue('another')).resolves.toBeDefined();
    expect(toldToWait).toBe(false);
  });

  test('does not take who has to wait for dead', async () => {
    const { connection, channel } = await opened(`${broker().url}?heartbeat=1`);
    await channel.assertQueue('orders');
    const silent = await RawPeer.open(broker().url);
    broker().block();
    const blocked = once(connection, 'blocked');
    channel.sendToQueue('orders', Buffer.alloc(10));
    await blocked;
    await silent.shakeHands({ heartbeat: 1 });
    await silent.ended;
    broker().unblock();
    await expect(channel.waitForConfirms()).resolves.toBeDefined();
  });

  test('does not keep a broker from closing', async () => {
    const { connection, channel } = await opened(broker().url);
    await channel.assertQueue('orders');
    broker().block();
    const blocked = once(connection, 'blocked');
    channel.sendToQueue('orders', Buffer.alloc(10));
    await blocked;
    const closed = once(connection, 'close');
    await broker().close();
    await expect(closed).resolves.toBeDefined();
  });
});

describe('looking in', () => {
  test('tells queues with their messages and consumers, and exchanges with their bindings', async () => {
    const { channel } = await opened(broker().url);
    await channel.assertExchange('events', 'topic', { alternateExchange: 'amq.fanout' });
    await channel.assertExchange('more', 'fanout');
    await channel.assertQueue('orders', { messageTtl: 5000 });
    await channel.bindQueue('orders', 'events', 'order.*', { note: 1 });
    await channel.bindExchange('more', 'events', '#');
    await sendAll(channel, 'orders', numbered(3));
    await channel.get('orders');
    expect(broker().queues()).toEqual([
      { name: 'orders', messages: 2, unacked: 1, consumers: 0, arguments: { 'x-message-ttl': 5000 } },
    ]);
    expect(
      broker()
        .exchanges()
        .find(({ name }) => name === 'events'),
    ).toEqual({
      name: 'events',
      type: 'topic',
      durable: true,
      autoDelete: false,
      internal: false,
      arguments: { 'alternate-exchange': 'amq.fanout' },
      bindings: [
        { destination: 'orders', destinationType: 'queue', routingKey: 'order.*', arguments: { note: 1 } },
        { destination: 'more', destinationType: 'exchange', routingKey: '#', arguments: {} },
      ],
    });
  });

  test('deletes a queue under its consumers, who are told', async () => {
    const { channel } = await opened(broker().url);
    await channel.assertQueue('orders');
    const inbox = await Inbox.on(channel, 'orders');
    expect(broker().deleteQueue('orders')).toBe(true);
    expect(broker().deleteQueue('orders')).toBe(false);
    await expect(inbox.cancelled).resolves.toBeUndefined();
    await expect(channel.checkExchange('amq.topic')).resolves.toBeDefined();
  });

  test('says nothing about a deleted queue to who did not ask for it', async () => {
    const connection = await connect(broker().url, { clientProperties: { capabilities: {} } });
    const channel = await connection.createChannel();
    await channel.assertQueue('orders');
    let isCancelled = false;
    await channel.consume('orders', (message) => (isCancelled ||= message === null));
    broker().deleteQueue('orders');
    await channel.checkExchange('amq.topic');
    expect(isCancelled).toBe(false);
  });
});
