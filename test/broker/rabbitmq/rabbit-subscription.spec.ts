import { EventEmitter } from 'node:events';
import type { Channel, ConsumeMessage } from 'amqplib';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { ConnectionListener, RabbitConnection } from '../../../lib/broker/rabbitmq/connection.js';
import { RabbitSubscription } from '../../../lib/broker/rabbitmq/rabbit-subscription.js';
import type { Delivery, SubscriptionRequest } from '../../../lib/broker/subscriber.js';
import { gate } from '../../consume/stage.js';
import { eventually } from '../../support/outbox-app.js';

type Receive = (raw: ConsumeMessage | null) => void;

/** A channel as amqplib's, whose broker does what the test says. */
class FakeChannel extends EventEmitter {
  readonly calls: string[] = [];
  receive: Receive = () => undefined;
  closed = false;

  constructor(private readonly onConsume: (channel: FakeChannel) => Promise<void> | void = () => undefined) {
    super();
  }

  prefetch(): Promise<void> {
    return Promise.resolve();
  }

  async consume(_queue: string, receive: Receive): Promise<{ consumerTag: string }> {
    this.receive = receive;
    await this.onConsume(this);
    this.calls.push('consume');
    return { consumerTag: 'tag' };
  }

  cancel(): Promise<void> {
    this.calls.push('cancel');
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.end();
    return Promise.resolve();
  }

  checkQueue(): Promise<never> {
    return Promise.reject(new Error('not found'));
  }

  ack(): void {
    if (this.closed) throw new Error('Channel closed');
    this.calls.push('ack');
  }

  nack(): void {
    if (this.closed) throw new Error('Channel closed');
    this.calls.push('nack');
  }

  end(error?: Error): void {
    if (this.closed) return;
    this.closed = true;
    if (error) this.emit('error', error);
    this.emit('close');
  }
}

class FakeConnection {
  connected = true;
  readonly opened: FakeChannel[] = [];
  private readonly listeners = new Set<ConnectionListener>();

  constructor(private readonly script: Array<FakeChannel | Error>) {}

  listen(listener: ConnectionListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  openChannel(): Promise<Channel> {
    const next = this.script.shift() ?? new FakeChannel();
    if (next instanceof Error) return Promise.reject(next);
    this.opened.push(next);
    return Promise.resolve(next as unknown as Channel);
  }

  lose(): void {
    this.connected = false;
    for (const channel of this.opened) channel.end();
  }

  comeBack(): void {
    this.connected = true;
    for (const listener of this.listeners) listener.connected?.();
  }
}

let deliveryTag = 0;
const message = () =>
  ({
    properties: { headers: {} },
    fields: { deliveryTag: ++deliveryTag },
    content: Buffer.alloc(0),
  }) as unknown as ConsumeMessage;

/** Acks are told at the end of a turn of the event loop. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a subscription', () => {
  const subscriptions: RabbitSubscription[] = [];
  const deliveries: Delivery[] = [];
  const lost: string[] = [];
  let recovered = 0;

  afterEach(async () => {
    for (const subscription of subscriptions.splice(0)) await subscription.close();
    deliveries.length = lost.length = recovered = 0;
  });

  function subscribe(
    connection: FakeConnection,
    prepare: () => Promise<void> = () => Promise.resolve(),
    request: Partial<SubscriptionRequest> = {},
  ) {
    const subscription = new RabbitSubscription(
      connection as unknown as RabbitConnection,
      { queue: 'q', patterns: ['#'], prefetch: 10, delays: [], ...request },
      {
        prepare,
        handle: (delivery) => void deliveries.push(delivery),
        lost: (reason) => void lost.push(reason),
        recovered: () => void recovered++,
      },
    );
    subscriptions.push(subscription);
    return subscription;
  }

  const expectConsuming = (connection: FakeConnection, channels: number) =>
    eventually(
      () => connection.opened.length === channels && connection.opened.at(-1)?.calls.includes('consume'),
    );

  /** Channels that were consumed on; to count consumers, others are opened for a moment. */
  const consumers = ({ opened }: FakeConnection) => opened.filter(({ calls }) => calls.includes('consume'));

  test('that the broker cancels in the same breath as it lets it begin is resumed', async () => {
    const doomed = new FakeChannel((channel) => channel.receive(null));
    const connection = new FakeConnection([doomed]);
    await subscribe(connection).start();
    await expectConsuming(connection, 2);
    expect(doomed.closed).toBe(true);
  });

  test('whose channel ends in the same breath as it begins is resumed', async () => {
    const connection = new FakeConnection([new FakeChannel((channel) => channel.end(new Error('gone')))]);
    await subscribe(connection).start();
    await expectConsuming(connection, 2);
  });

  test('whose channel had ended before anybody could hear of it is resumed', async () => {
    const dead = new FakeChannel((channel) => {
      channel.closed = true; // Without a word: it was said before we listened.
      throw new Error('Channel closed');
    });
    const connection = new FakeConnection([dead]);
    await subscribe(connection).start();
    await expectConsuming(connection, 2);
    expect(lost).toEqual(['Channel closed']);
    expect(recovered).toBe(1);
  });

  test('that cannot open a channel, or declare, at its start is an outage, and goes on by itself', async () => {
    const connection = new FakeConnection([new Error('No channels left to allocate')]);
    let attempts = 0;
    const prepare = () => (++attempts === 1 ? Promise.reject(new Error('Channel ended')) : Promise.resolve());
    await subscribe(connection, prepare).start();
    await expectConsuming(connection, 1);
    expect(lost).toEqual(['Channel ended', 'No channels left to allocate']);
    expect(recovered).toBe(1);
  });

  test.each([403, 404, 405, 406])('that the broker refuses with %s fails its start', async (code) => {
    const refusal = Object.assign(new Error('no'), { code });
    const connection = new FakeConnection([]);
    await expect(subscribe(connection, () => Promise.reject(refusal)).start()).rejects.toBe(refusal);
  });

  test('tells once why it does not consume, however often it tries, and again when the reason changes', async () => {
    const reasons = ['a', 'a', 'a', 'b'];
    const connection = new FakeConnection([]);
    const prepare = () => {
      const reason = reasons.shift();
      return reason ? Promise.reject(new Error(reason)) : Promise.resolve();
    };
    await subscribe(connection, prepare).start();
    await expectConsuming(connection, 1);
    expect(lost).toEqual(['a', 'b']);
    expect(recovered).toBe(1);
  });

  test('waits for the connection before it tries again, and has one consumer however often that returns', async () => {
    const connection = new FakeConnection([]);
    await subscribe(connection).start();
    connection.lose();
    await Promise.resolve();
    for (let times = 0; times < 3; times++) connection.comeBack();
    await expectConsuming(connection, 2);
    connection.comeBack();
    connection.opened.at(-1)?.receive(message());
    expect(deliveries).toHaveLength(1);
    expect(connection.opened).toHaveLength(2);
  });

  test('gives back untouched what is delivered after it was cancelled', async () => {
    const connection = new FakeConnection([]);
    const subscription = subscribe(connection);
    await subscription.start();
    const channel = connection.opened[0] as FakeChannel;
    const cancelling = subscription.cancel();
    channel.receive(message());
    await cancelling;
    expect(channel.calls.toSorted()).toEqual(['cancel', 'consume', 'nack']);
    expect(deliveries).toEqual([]);
  });

  test('that is cancelled while it begins does not consume for long', async () => {
    const { opened, open } = gate();
    const connection = new FakeConnection([]);
    const subscription = subscribe(connection, () => opened);
    const starting = subscription.start();
    const cancelling = subscription.cancel();
    open();
    await Promise.all([starting, cancelling]);
    expect(connection.opened.flatMap(({ calls }) => calls)).toEqual(['consume', 'cancel']);
  });

  test('that is paused consumes no more, until it is resumed, on another channel', async () => {
    const connection = new FakeConnection([]);
    const subscription = subscribe(connection);
    await subscription.start();
    const [channel] = connection.opened as [FakeChannel];
    channel.receive(message());
    await subscription.pause();
    expect([subscription.consuming, channel.closed]).toEqual([false, false]);
    deliveries[0]?.ack();
    await eventually(() => channel.closed);
    connection.comeBack();
    await turn();
    expect(consumers(connection)).toHaveLength(1);
    subscription.resume();
    await eventually(() => consumers(connection).length === 2);
    expect(channel.calls).toEqual(['consume', 'cancel', 'ack']);
  });

  test('that is paused and resumed at once consumes', async () => {
    const connection = new FakeConnection([]);
    const subscription = subscribe(connection);
    await subscription.start();
    const pausing = subscription.pause();
    subscription.resume();
    await pausing;
    await eventually(() => consumers(connection).length === 2);
    expect(subscription.consuming).toBe(true);
  });

  test('with one active consumer is never cancelled: it ends when what runs is settled, and gives back the rest', async () => {
    const connection = new FakeConnection([]);
    const subscription = subscribe(connection, undefined, { singleActive: true });
    await subscription.start();
    const [channel] = connection.opened as [FakeChannel];
    for (let n = 0; n < 3; n++) channel.receive(message());
    await subscription.pause();
    channel.receive(message());
    expect(deliveries).toHaveLength(3);
    deliveries[1]?.requeue();
    deliveries[2]?.requeue();
    expect(channel.closed).toBe(false);
    deliveries[0]?.ack();
    await eventually(() => channel.closed);
    expect(channel.calls).toEqual(['consume', 'ack']);
  });

  test('settles a delivery once, and one whose channel is gone not at all', async () => {
    const connection = new FakeConnection([]);
    await subscribe(connection).start();
    const channel = connection.opened[0] as FakeChannel;
    channel.receive(message());
    channel.receive(message());
    const [first, second] = deliveries as [Delivery, Delivery];
    first.ack();
    first.requeue();
    first.ack();
    await turn();
    expect(channel.calls).toEqual(['consume', 'ack']);
    expect(second.lost.aborted).toBe(false);
    channel.end();
    second.ack();
    second.requeue();
    await turn();
    expect(first.lost.aborted).toBe(false);
    expect(second.lost.aborted).toBe(true);
    expect(channel.calls).toEqual(['consume', 'ack']);
  });

  test('survives an ack in the moment its channel is being closed', async () => {
    const connection = new FakeConnection([]);
    await subscribe(connection).start();
    const channel = connection.opened[0] as FakeChannel;
    channel.receive(message());
    channel.closed = true; // amqplib refuses to send, and has not said so yet.
    deliveries[0]?.ack();
    await expect(turn()).resolves.toBeUndefined();
    channel.closed = false;
  });

  test('keeps the channel of a cancelled consumer until its last delivery is settled', async () => {
    const connection = new FakeConnection([]);
    await subscribe(connection).start();
    const channel = connection.opened[0] as FakeChannel;
    channel.receive(message());
    channel.receive(message());
    channel.receive(null);
    await expectConsuming(connection, 2);
    deliveries[0]?.ack();
    expect(channel.closed).toBe(false);
    deliveries[1]?.requeue();
    expect(channel.closed).toBe(true);
    expect(channel.calls.toSorted()).toEqual(['ack', 'consume', 'nack']);
  });
});
