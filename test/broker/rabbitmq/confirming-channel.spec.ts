import { EventEmitter } from 'node:events';
import type { ConfirmChannel } from 'amqplib';
import { describe, expect, test } from '@jest/globals';
import { ConfirmingChannel } from '../../../lib/broker/rabbitmq/confirm-channel.js';

type Confirm = (error: Error | null) => void;

/** A channel as amqplib's, which the test answers on. */
class FakeChannel extends EventEmitter {
  readonly confirms: Confirm[] = [];

  publish(_exchange: string, _key: string, _body: Buffer, _properties: object, confirm: Confirm): void {
    this.confirms.push(confirm);
  }

  return(exchange: string, routingKey: string, messageId: string): void {
    this.emit('return', { fields: { exchange, routingKey }, properties: { messageId } });
  }
}

describe('a channel with confirms', () => {
  test('tells two copies of one event apart by where they go: only one of them was returned', () => {
    const fake = new FakeChannel();
    const outcomes: string[] = [];
    new ConfirmingChannel(fake as unknown as ConfirmChannel, 'events', () => undefined).publish(
      ['billing', 'shipping'].map((routingKey) => ({
        exchange: 'events.dlx',
        routingKey,
        body: Buffer.alloc(0),
        properties: { messageId: 'one event', mandatory: true },
      })),
      (index, { kind }) => {
        outcomes[index] = kind;
      },
    );
    fake.return('events.dlx', 'shipping', 'one event');
    for (const confirm of fake.confirms) confirm(null);
    expect(outcomes).toEqual(['confirmed', 'returned']);
  });
});
