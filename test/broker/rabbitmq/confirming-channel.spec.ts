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

/** Outcomes of messages with one id to these routing keys, of which the broker returns some. */
function outcomesOf(routingKeys: readonly string[], returned: readonly string[]): string[] {
  const fake = new FakeChannel();
  const outcomes: string[] = [];
  const channel = new ConfirmingChannel(fake as unknown as ConfirmChannel, 'events', () => undefined);
  channel.publish(
    routingKeys.map((routingKey) => ({
      exchange: 'events.dlx',
      routingKey,
      body: Buffer.alloc(0),
      properties: { messageId: 'one event', mandatory: true },
    })),
    (index, { kind }) => {
      outcomes[index] = kind;
    },
  );
  for (const routingKey of returned) fake.return('events.dlx', routingKey, 'one event');
  for (const confirm of fake.confirms) confirm(null);
  return outcomes;
}

describe('a channel with confirms', () => {
  test('tells two copies of one event apart by where they go: only one of them was returned', () => {
    expect(outcomesOf(['billing', 'shipping'], ['shipping'])).toEqual(['confirmed', 'returned']);
  });

  test('takes neither of two for confirmed that have the same id and were both returned', () => {
    expect(outcomesOf(['billing', 'billing'], ['billing', 'billing'])).toEqual(['returned', 'returned']);
  });
});
