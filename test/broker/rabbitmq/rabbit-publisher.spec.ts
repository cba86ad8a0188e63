import { EventEmitter } from 'node:events';
import type { ConfirmChannel } from 'amqplib';
import { describe, expect, test } from '@jest/globals';
import type { ConnectionListener, RabbitConnection } from '../../../lib/broker/rabbitmq/connection.js';
import { RabbitPublisher } from '../../../lib/broker/rabbitmq/rabbit-publisher.js';
import { eventually } from '../../support/outbox-app.js';

/** A channel as amqplib's, which confirms at once while it is open. */
class FakeChannel extends EventEmitter {
  constructor(private readonly isOpen: boolean) {
    super();
  }

  publish(
    _exchange: string,
    _key: string,
    _body: Buffer,
    _properties: object,
    confirm: (error: null) => void,
  ): void {
    if (!this.isOpen) throw Object.assign(new Error('Channel closed'), { name: 'IllegalOperationError' });
    setImmediate(confirm, null);
  }

  close(): Promise<void> {
    this.emit('close');
    return Promise.resolve();
  }
}

class FakeConnection {
  connected = true;
  goesAsItOpens = false;
  readonly target = 'here';
  private listener: ConnectionListener = {};

  constructor(private readonly channels: FakeChannel[]) {}

  listen(listener: ConnectionListener): void {
    this.listener = listener;
  }

  open(): void {
    this.comeBack();
  }

  comeBack(): void {
    this.listener.connected?.();
  }

  openConfirmChannel(): Promise<ConfirmChannel> {
    if (this.goesAsItOpens) this.connected = false;
    return Promise.resolve(this.channels.shift() as unknown as ConfirmChannel);
  }
}

const request = (messageId: string) => ({
  exchange: 'events',
  routingKey: 'order.placed',
  body: Buffer.alloc(0),
  properties: { messageId, mandatory: true },
});

const SETTINGS = {
  exchange: 'events',
  appId: 'shop',
  prepare: () => Promise.resolve(),
  reopenDelay: 1,
  logger: { warn: () => undefined },
};

describe('a publisher', () => {
  test('is not ready with a channel whose connection went in the breath in which it was opened', async () => {
    const connection = new FakeConnection([new FakeChannel(false), new FakeChannel(true)]);
    const publisher = new RabbitPublisher(connection as unknown as RabbitConnection, SETTINGS);
    connection.goesAsItOpens = true;
    publisher.start();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(publisher.ready).toBe(false);
    connection.goesAsItOpens = false;
    connection.connected = true;
    connection.comeBack();
    await eventually(() => publisher.ready);
    expect(await publisher.send([request('1')], 1_000)).toEqual([{ kind: 'confirmed' }]);
    await publisher.close();
  });

  test('opens a channel on each new connection, also if the last one had closed before anybody could hear of it', async () => {
    const connection = new FakeConnection([new FakeChannel(false), new FakeChannel(true)]);
    const publisher = new RabbitPublisher(connection as unknown as RabbitConnection, SETTINGS);
    const changes: boolean[] = [];
    publisher.onReadyChange(() => changes.push(publisher.ready));
    publisher.start();
    await eventually(() => publisher.ready);
    expect(await publisher.send([request('1')], 1_000)).toMatchObject([{ kind: 'unknown' }]);
    connection.comeBack();
    await eventually(() => changes.length === 3);
    expect(changes).toEqual([true, false, true]);
    expect(await publisher.send([request('2')], 1_000)).toEqual([{ kind: 'confirmed' }]);
    await publisher.close();
  });
});
