import { EventEmitter } from 'node:events';
import type { ConfirmChannel } from 'amqplib';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { ConnectionListener, RabbitConnection } from '../../../lib/broker/rabbitmq/connection.js';
import { RabbitPublisher } from '../../../lib/broker/rabbitmq/rabbit-publisher.js';

type Confirm = (error: Error | null) => void;

const TIMEOUT = 1_000;
const REQUEST = { exchange: 'x', routingKey: 'q', body: Buffer.alloc(0), properties: { messageId: 'm' } };

/** A connection with one channel, whose broker answers when the test says so. */
class FakeConnection extends EventEmitter {
  readonly connected = true;
  readonly target = 'nowhere';
  readonly confirms: Confirm[] = [];
  reconnects = 0;
  private listener: ConnectionListener = {};

  open(): void {}

  listen(listener: ConnectionListener): () => void {
    this.listener = listener;
    return () => undefined;
  }

  openConfirmChannel(): Promise<ConfirmChannel> {
    const publish = (...[, , , , confirm]: [string, string, Buffer, object, Confirm]) =>
      void this.confirms.push(confirm);
    return Promise.resolve(Object.assign(new EventEmitter(), { publish }) as unknown as ConfirmChannel);
  }

  reconnect(): void {
    this.reconnects++;
  }

  block(): void {
    this.listener.blocked?.('low on memory');
  }

  unblock(): void {
    this.listener.unblocked?.();
  }
}

describe('a message that waits for a broker which blocks us', () => {
  let connection: FakeConnection;
  let publisher: RabbitPublisher;
  let outcomes: string[];

  beforeEach(async () => {
    jest.useFakeTimers();
    connection = new FakeConnection();
    publisher = new RabbitPublisher(connection as unknown as RabbitConnection, {
      exchange: 'x',
      appId: 'test',
      prepare: () => Promise.resolve(),
      reopenDelay: 10,
      logger: { warn: () => undefined },
    });
    outcomes = [];
    publisher.start();
    await jest.advanceTimersByTimeAsync(0);
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  async function send(): Promise<void> {
    void publisher.send([REQUEST], TIMEOUT).then((all) => {
      outcomes.push(...all.map(({ kind }) => kind));
    });
    await jest.advanceTimersByTimeAsync(0);
  }

  test('waits as long as it takes, and is confirmed when the broker goes on', async () => {
    await send();
    connection.block();
    await jest.advanceTimersByTimeAsync(60 * TIMEOUT);
    expect(outcomes).toEqual([]);
    connection.unblock();
    connection.confirms[0]?.(null);
    await jest.advanceTimersByTimeAsync(0);
    expect(outcomes).toEqual(['confirmed']);
    expect(connection.confirms).toHaveLength(1);
    expect(connection.reconnects).toBe(0);
  });

  test('gives the broker its whole time again from when it goes on, and no more', async () => {
    await send();
    connection.block();
    await jest.advanceTimersByTimeAsync(1.95 * TIMEOUT);
    connection.unblock();
    await jest.advanceTimersByTimeAsync(0.95 * TIMEOUT);
    expect(outcomes).toEqual([]);
    await jest.advanceTimersByTimeAsync(0.1 * TIMEOUT);
    expect(outcomes).toEqual(['unknown']);
    expect(connection.reconnects).toBe(1);
  });
});
