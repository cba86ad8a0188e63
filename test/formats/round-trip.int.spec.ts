import { Injectable } from '@nestjs/common';
import type { ConsumeMessage } from 'amqplib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import {
  EventContext,
  InvalidEventOptionError,
  OnEvent,
  OutboxEvent,
  PayloadTooLargeError,
  type EmitOptions,
  type WireFormat,
} from 'nestjs-rabbitmq-outbox';
import { eventually, type TestApp } from '../support/outbox-app.js';
import { openStage, type Stage } from '../consume/stage.js';

interface Seen {
  readonly payload: unknown;
  readonly context: EventContext<ConsumeMessage>;
}

@OutboxEvent('sent.class', { format: 'cloudevents-structured', key: () => 'k', source: 'urn:acme:shop' })
class Sent {
  constructor(readonly n: number) {}
}

@Injectable()
class Reader {
  readonly seen: Seen[] = [];

  @OnEvent('sent.#')
  read(payload: unknown, context: EventContext<ConsumeMessage>): void {
    this.seen.push({ payload, context });
  }

  @OnEvent('failing', { retry: ['100ms'] })
  fail(payload: unknown, context: EventContext<ConsumeMessage>): void {
    this.seen.push({ payload, context });
    throw new Error('no');
  }
}

let stage: Stage;
let app: TestApp;
let reader: Reader;

beforeAll(async () => {
  stage = await openStage();
  app = await stage.start({
    providers: [Reader],
    options: { relay: { enabled: true }, emit: { maxPayload: 2_000 } },
  });
  reader = app.app.get(Reader);
});

afterEach(() => {
  reader.seen.length = 0;
});

afterAll(() => stage?.close());

const formats: WireFormat[] = ['plain', 'nest', 'cloudevents', 'cloudevents-structured'];

async function arrives(payload: unknown, options: EmitOptions): Promise<Seen> {
  const id = await app.emit('sent.thing', payload, options);
  return eventually(() => reader.seen.find(({ context }) => context.id === id));
}

describe.each(formats)('an event in the format %s', (format) => {
  test.each<[string, unknown, EmitOptions]>([
    ['an object', { a: [1, { b: 'ü' }], pattern: 'x' }, {}],
    ['an object like a packet of Nest’s', { pattern: 'x', data: 1 }, {}],
    ['an object like a CloudEvent', { specversion: '1.0', id: 'x', data: 1 }, {}],
    ['text in JSON', 'text', {}],
    ['null', null, {}],
    ['JSON of a type of its own', { a: 1 }, { contentType: 'application/vnd.acme+json' }],
    ...(format === 'nest'
      ? []
      : ([
          ['bytes', Buffer.from([0, 255, 10]), {}],
          ['bytes of a type', Buffer.from([137]), { contentType: 'image/png' }],
          ['text', 'grüße', { codec: 'text' }],
          ['MessagePack', { at: new Date(0), bytes: Buffer.from('x') }, { codec: 'msgpack' }],
        ] as Array<[string, unknown, EmitOptions]>)),
  ])('brings its handler %s as it was emitted', async (_what, payload, options) => {
    expect((await arrives(payload, { ...options, format })).payload).toEqual(payload);
  });

  test('brings everything else that is known of it', async () => {
    const options = { key: 'k', correlationId: 'c', causationId: 'd', headers: { tenant: 'acme' }, format };
    const { context } = await arrives({}, options);
    const { type, routingKey, key, correlationId, causationId, headers, attempt } = context;
    expect({ type, routingKey, key, correlationId, causationId, headers, attempt }).toEqual({
      type: 'sent.thing',
      routingKey: 'sent.thing',
      key: 'k',
      correlationId: 'c',
      causationId: 'd',
      headers: { tenant: 'acme' },
      attempt: 1,
    });
    expect(Math.abs(Number(context.occurredAt) - Date.now())).toBeLessThan(60_000);
    const { properties } = context.message;
    expect(properties).toMatchObject({
      messageId: context.id,
      type: 'sent.thing',
      appId: stage.playground.name,
    });
  });

  test('goes to the broker as the bytes that the row has', async () => {
    const { context } = await arrives({ n: 1 }, { format });
    const [row] = await stage.playground.sql<{ body: Buffer; content_type: string }>(
      `SELECT payload AS body, content_type FROM ${stage.playground.name}.outbox WHERE id = $1`,
      [context.id],
    );
    expect(context.message.content).toEqual(row?.body);
    expect(context.message.properties.contentType).toBe(row?.content_type);
  });

  test('comes back the same with its retry, and rests the same in its dead letter', async () => {
    const id = await app.emit('failing', { n: 1 }, { format, key: 'k' });
    const letter = await stage.deadLetter(stage.queue('Reader.fail'));
    const [first, second] = reader.seen.filter(({ context }) => context.id === id);
    expect(second?.context.attempt).toBe(2);
    expect(second?.payload).toEqual({ n: 1 });
    expect(second?.context).toMatchObject({
      type: 'failing',
      key: 'k',
      cloudEvent: first?.context.cloudEvent,
    });
    expect(letter.content).toEqual(first?.context.message.content);
    expect(letter.properties.contentType).toBe(first?.context.message.properties.contentType);
    expect(letter.properties.headers).toMatchObject(first?.context.message.properties.headers ?? {});
  });
});

test.each(['cloudevents', 'cloudevents-structured'] as const)(
  'the attributes of an event in the format %s are in the context',
  async (format) => {
    const { context } = await arrives({}, { format, key: 'k', headers: { cloudEvents_dataschema: 'urn:x' } });
    expect(context.cloudEvent).toMatchObject({
      specversion: '1.0',
      id: context.id,
      source: stage.playground.name,
      subject: 'k',
      dataschema: 'urn:x',
    });
    expect(context.headers).toEqual({});
  },
);

describe('the format', () => {
  test('of a class goes before the module’s, and one of the call before both', async () => {
    const emitted = (options: EmitOptions) =>
      app.dataSource.transaction((manager) => app.outbox.emit(manager, new Sent(1), options));
    const seenOf = (id: string) => eventually(() => reader.seen.find(({ context }) => context.id === id));
    const byClass = await seenOf(await emitted({}));
    expect(byClass.context.message.properties.contentType).toBe('application/cloudevents+json');
    expect(byClass.context.cloudEvent).toMatchObject({ source: 'urn:acme:shop', subject: 'k' });
    const byCall = await seenOf(await emitted({ format: 'nest' }));
    expect(JSON.parse(byCall.context.message.content.toString())).toEqual({
      pattern: 'sent.class',
      data: { n: 1 },
    });
    expect(byCall.payload).toEqual(byClass.payload);
  });

  test('"nest" refuses what is no JSON, before anything is written', async () => {
    const emitting = app.emit('sent.thing', Buffer.from([1]), { format: 'nest' });
    await expect(emitting).rejects.toThrow(InvalidEventOptionError);
    await expect(emitting).rejects.toThrow(
      /format can be 'nest' for a payload in JSON only, not in application\/octet-stream/,
    );
  });

  test('that does not exist is refused', async () => {
    await expect(app.emit('sent.thing', {}, { format: 'avro' as never })).rejects.toThrow(
      /format must be one of plain, nest, cloudevents, cloudevents-structured, got "avro"/,
    );
  });

  test('counts for the size limit', async () => {
    const payload = Buffer.alloc(1_900);
    await app.emit('sent.thing', payload);
    const emitting = app.emit('sent.thing', payload, { format: 'cloudevents-structured' });
    await expect(emitting).rejects.toThrow(PayloadTooLargeError);
  });
});
