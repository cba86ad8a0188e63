import { Injectable } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  OnEvent,
  OutboxEvent,
  PayloadTooLargeError,
  type Codec,
  type EmitOptions,
  type EventContext,
} from 'nestjs-rabbitmq-outbox';
import type { ConsumeMessage } from 'amqplib';
import { openStage, type Stage } from '../consume/stage.js';
import { eventually, type TestApp } from '../support/outbox-app.js';

/** A codec as an application might bring it, with a state of its own. */
class Reversed implements Codec {
  readonly contentType = 'application/x-reversed';
  uses = 0;
  encode(payload: unknown): Uint8Array {
    this.uses++;
    return Buffer.from(String(payload)).reverse();
  }
  decode(body: Buffer): unknown {
    this.uses++;
    return Buffer.from(body).reverse().toString();
  }
}

/** Known to the emitter only. */
const secret: Codec = {
  contentType: 'application/x-secret; version=1',
  encode: (payload) => Buffer.from(`secret ${String(payload)}`),
  decode: () => 'never called',
};

const LIMIT = 1_000;

interface Arrival {
  payload: unknown;
  contentType: unknown;
  body: Buffer;
}

@Injectable()
class Listener {
  readonly arrivals = new Map<string, Arrival>();

  @OnEvent('#')
  any(payload: unknown, { id, message }: EventContext<ConsumeMessage>) {
    const { content: body, properties } = message;
    this.arrivals.set(id, { payload, contentType: properties.contentType, body });
  }
}

let stage: Stage;
let app: TestApp;
const reversed = new Reversed();

beforeAll(async () => {
  stage = await openStage();
  app = await stage.start({
    providers: [Listener],
    options: {
      relay: { enabled: true, pollInterval: 200 },
      emit: { codec: 'msgpack', maxPayload: LIMIT },
      codecs: [reversed],
    },
  });
});
afterAll(() => stage?.close());
beforeEach(() => app.app.get(Listener).arrivals.clear());

const arrivalOf = (id: string) => eventually(() => app.app.get(Listener).arrivals.get(id));
const sent = async (payload: unknown, options?: EmitOptions) =>
  arrivalOf(await app.emit('a.b', payload, options));

describe('an event', () => {
  test('travels by the module’s codec', async () => {
    const payload = { at: new Date(1_000), big: 2n ** 60n, bytes: Buffer.from([0, 255]), ratio: Infinity };
    const arrival = await sent(payload);
    expect(arrival).toMatchObject({ payload, contentType: 'application/msgpack' });
  });

  test('travels by the codec one call asks for', async () => {
    expect(await sent({ at: new Date(1_000) }, { codec: 'json' })).toMatchObject({
      payload: { at: '1970-01-01T00:00:01.000Z' },
      contentType: 'application/json',
      body: Buffer.from('{"at":"1970-01-01T00:00:01.000Z"}'),
    });
    expect(await sent('größe', { codec: 'text' })).toMatchObject({
      payload: 'größe',
      contentType: 'text/plain',
      body: Buffer.from('größe'),
    });
  });

  test('travels by the codec of its class', async () => {
    @OutboxEvent('a.text', { codec: reversed })
    class Backwards {
      toString() {
        return 'olleh';
      }
    }
    const id = await app.dataSource.transaction((manager) => app.outbox.emit(manager, new Backwards()));
    expect(await arrivalOf(id)).toMatchObject({ payload: 'olleh', body: Buffer.from('hello') });
  });

  test('travels by a codec of the application, which keeps its state', async () => {
    const before = reversed.uses;
    const arrival = await sent('hello', { codec: reversed });
    expect(arrival).toEqual({
      payload: 'hello',
      contentType: 'application/x-reversed',
      body: Buffer.from('olleh'),
    });
    expect(reversed.uses).toBe(before + 2);
  });

  test('of bytes travels as it is, whatever the module’s codec', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const arrival = await sent(bytes);
    expect(arrival).toEqual({ payload: bytes, contentType: 'application/octet-stream', body: bytes });
    expect(Buffer.isBuffer(arrival.payload)).toBe(true);
    expect(await sent(new Uint8Array([1, 2]))).toMatchObject({ payload: Buffer.from([1, 2]) });
    expect(await sent(Buffer.alloc(0))).toMatchObject({ payload: Buffer.alloc(0) });
  });

  test('of bytes may be anything, and is decoded as what it says it is', async () => {
    expect(await sent(Buffer.from('%PDF'), { contentType: 'application/pdf' })).toMatchObject({
      payload: Buffer.from('%PDF'),
      contentType: 'application/pdf',
    });
    const json = Buffer.from('{"a":1}');
    expect(await sent(json, { contentType: 'application/json; charset=utf-8' })).toMatchObject({
      payload: { a: 1 },
      contentType: 'application/json; charset=utf-8',
    });
  });

  test('of JSON may have a name of its own', async () => {
    const contentType = 'application/vnd.acme.order+json';
    expect(await sent({ a: 1 }, { codec: 'json', contentType })).toMatchObject({
      payload: { a: 1 },
      contentType,
    });
  });

  test('that nobody here can decode arrives as the bytes it is', async () => {
    expect(await sent('x', { codec: secret })).toEqual({
      payload: Buffer.from('secret x'),
      contentType: 'application/x-secret; version=1',
      body: Buffer.from('secret x'),
    });
  });

  test('stays what it was through the dead letters when its body is not what it says', async () => {
    const broken = Buffer.from('not json');
    const id = await app.emit('a.broken', broken, { contentType: 'application/json' });
    const dead = await stage.deadLetter(stage.queue('Listener.any'));
    expect(dead.content).toEqual(broken);
    expect(dead.properties.messageId).toBe(id);
    expect(dead.properties.headers).toMatchObject({
      'outbox-attempt': 1,
      'outbox-error-type': 'UndecodableMessageError',
    });
  });
});

describe('the largest payload', () => {
  /** A payload that comes to exactly this many bytes. */
  const sized: ReadonlyArray<[codec: string, make: (bytes: number) => unknown, options: EmitOptions]> = [
    ['JSON', (bytes) => 'x'.repeat(bytes - 2), { codec: 'json' }],
    [
      'JSON of two bytes a letter',
      (bytes) => `${'é'.repeat((bytes - 2) >> 1)}${bytes % 2 ? 'x' : ''}`,
      { codec: 'json' },
    ],
    ['text', (bytes) => 'x'.repeat(bytes), { codec: 'text' }],
    ['bytes', (bytes) => Buffer.alloc(bytes), {}],
    ['MessagePack', (bytes) => 'x'.repeat(bytes - 3), {}],
    ['a codec of the application', (bytes) => 'x'.repeat(bytes), { codec: reversed }],
  ];

  test.each(sized)('counts by what the codec makes of it: %s', async (_, make, options) => {
    expect((await sent(make(LIMIT), options)).body).toHaveLength(LIMIT);
    expect((await sent(make(LIMIT - 1), options)).body).toHaveLength(LIMIT - 1);
    const refusal: unknown = await app.emit('a.b', make(LIMIT + 1), options).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(PayloadTooLargeError);
    expect((refusal as Error).message).toContain('its payload is 1001 bytes encoded, the limit is 1000');
  });
});
