import { Injectable } from '@nestjs/common';
import type { ConsumeMessage, Options } from 'amqplib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { EventContext, OnEvent } from 'nestjs-rabbitmq-outbox';
import { eventually } from '../support/outbox-app.js';
import { openStage, type Stage } from './stage.js';

@Injectable()
class Inbox {
  readonly received: Array<{ payload: unknown; context: EventContext }> = [];

  @OnEvent('foreign.#', { retry: ['100ms'] })
  handle(payload: unknown, context: EventContext): void {
    this.received.push({ payload, context });
    if (context.headers['fail'] === true || (payload as { fail?: boolean } | null)?.fail)
      throw new Error(`failed ${context.attempt}`);
  }
}

describe('a message that somebody else sent', () => {
  let stage: Stage;
  let inbox: Inbox;
  let queue: string;

  beforeAll(async () => {
    stage = await openStage();
    inbox = (await stage.start({ providers: [Inbox] })).app.get(Inbox);
    queue = stage.queue('Inbox.handle');
  });

  afterAll(() => stage?.close());

  beforeEach(() => {
    inbox.received.length = 0;
  });

  async function receive(body: string | Buffer, properties: Options.Publish = {}) {
    await stage.send(queue, body, properties);
    return eventually(() => inbox.received[0]);
  }

  test('straight to the queue, with nothing but a body, is JSON, and its type is the routing key', async () => {
    const { payload, context } = await receive('{"a":1}');
    expect(payload).toEqual({ a: 1 });
    expect(context).toMatchObject({
      id: '',
      type: queue,
      routingKey: queue,
      headers: {},
      attempt: 1,
      redelivered: false,
      trackingIds: [],
      queue,
    });
    for (const gap of ['key', 'correlationId', 'causationId', 'occurredAt'] as const)
      expect(context[gap]).toBeUndefined();
  });

  test('is retried and dead-lettered like any other, under an id that it is given with its first retry', async () => {
    await stage.send(queue, '{"fail":true}');
    const letter = await stage.deadLetter(queue);
    const [first, second] = inbox.received.map(({ context }) => context);
    expect(first?.id).toBe('');
    expect(second?.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(letter.properties.messageId).toBe(second?.id);
    expect(letter.properties.headers).toMatchObject({
      'outbox-attempt': 2,
      'outbox-error-message': 'failed 2',
    });
  });

  test.each([
    ['text/plain', 'text/plain', 'grüße', 'grüße'],
    ['text/csv; charset=utf-8', 'text/csv; charset=utf-8', 'a;b', 'a;b'],
    ['a JSON type of its own', 'application/vnd.acme+json', '[1]', [1]],
    ['JSON in capitals, with parameters', 'Application/JSON ; charset=utf-8', '"x"', 'x'],
  ])('of type %s is decoded', async (_what, contentType, body, payload) => {
    expect((await receive(body, { contentType })).payload).toEqual(payload);
  });

  test.each(['application/octet-stream', 'application/x-protobuf', 'image/png'])(
    'of type %s is a Buffer with its bytes',
    async (contentType) => {
      const bytes = Buffer.from([0, 1, 255, 128, 10]);
      const { payload } = await receive(bytes, { contentType });
      expect(Buffer.isBuffer(payload)).toBe(true);
      expect(payload).toEqual(bytes);
    },
  );

  test.each([
    ['that is cut off', '{"a":'],
    ['that is empty', ''],
    ['that is not even text', Buffer.from([0xff, 0xfe, 0x00])],
  ])('says JSON and has a body %s: it is a dead letter at once, with its bytes', async (_what, body) => {
    await stage.send(queue, body, { contentType: 'application/json' });
    const letter = await stage.deadLetter(queue);
    expect(letter.content).toEqual(Buffer.from(body as string));
    expect(letter.properties.headers).toMatchObject({
      'outbox-error-type': 'UndecodableMessageError',
      'outbox-error-message': expect.stringContaining('application/json'),
      'outbox-attempt': 1,
    });
    expect(inbox.received).toEqual([]);
  });

  test('with headers of every kind shows them to its handler, and takes them along', async () => {
    const headers = {
      text: 'x',
      count: 7,
      big: 2 ** 40,
      ratio: 0.5,
      yes: true,
      nothing: null,
      list: [1, 'two', { three: 3 }],
      table: { deep: { er: 1 } },
      bytes: Buffer.from('raw'),
      at: { '!': 'timestamp', value: 1_700_000_000 },
      price: { '!': 'decimal', value: { places: 2, digits: 1999 } },
      fail: true,
      cc: 'no address: RabbitMQ knows CC only',
      'X-Request-Id': 'r-1',
      'x-custom': 'the broker’s',
    };
    await stage.send(queue, '{}', { headers });
    const letter = await stage.deadLetter(queue);
    const { 'x-custom': _, ...kept } = headers;
    expect(letter.properties.headers).toMatchObject(kept);
    expect(inbox.received[0]?.context.headers).toEqual(kept);
  });

  test('with so many headers that no error fits in beside them becomes a dead letter without them', async () => {
    const headers = Object.fromEntries(
      Array.from({ length: 3 }, (_, index) => [`large${index}`, 'x'.repeat(20_000)]),
    );
    await stage.send(queue, '{"fail":true}', { headers });
    const letter = await stage.deadLetter(queue);
    expect(letter.properties.headers).toMatchObject({
      'outbox-attempt': 2,
      'outbox-error-message': 'failed 2',
    });
  });

  test('with CC and BCC goes to those once, and its retries to none of them', async () => {
    const bystander = stage.queue('bystander');
    await stage.onChannel((channel) => channel.assertQueue(bystander, { durable: true }));
    await stage.send(queue, '{}', { CC: [bystander], headers: { fail: true } });
    const letter = await stage.deadLetter(queue);
    expect(letter.properties.headers).not.toHaveProperty('CC');
    expect((await stage.look(bystander)).messageCount).toBe(1);
  });

  test('with nonsense in our own headers is read as if they were not there', async () => {
    const headers = {
      'outbox-attempt': 'seven',
      'outbox-routing-key': 7,
      'outbox-key': { a: 1 },
      'outbox-tracking': false,
    };
    const { context } = await receive('{}', { headers });
    expect(context).toMatchObject({ attempt: 1, routingKey: queue, trackingIds: [] });
    expect(context.key).toBeUndefined();
  });

  test('that was sent with the exchange’s routing key but no type has that for its type', async () => {
    await stage.publish('foreign.thing', {}, { type: '' });
    const { context } = await eventually(() => inbox.received[0]);
    expect(context).toMatchObject({ type: 'foreign.thing', routingKey: 'foreign.thing' });
    expect((context.message as ConsumeMessage).fields.exchange).toBe(stage.playground.name);
  });
});
