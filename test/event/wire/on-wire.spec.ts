import { CloudEvent, HTTP } from 'cloudevents';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  attributesAmong,
  fromAttributes,
  readStructured,
  type About,
} from '../../../lib/event/wire/cloud-event.js';
import type { Encoded } from '../../../lib/event/wire/format.js';
import { isNestPacket } from '../../../lib/event/wire/nest-packet.js';
import { onWire } from '../../../lib/event/wire/on-wire.js';

const about: About = {
  id: '0199f0aa-0000-7000-8000-000000000000',
  type: 'order.placed',
  key: 'order-1',
  source: 'shop',
  time: new Date('2030-01-02T03:04:05.678Z'),
  correlationId: 'c-1',
  headers: {
    tenant: 'acme',
    'outbox-causation-id': 'cause-1',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  },
};

const json = (value: unknown): Encoded => ({
  body: Buffer.from(JSON.stringify(value)),
  contentType: 'application/json',
  wellFormed: true,
});

const bytes = (body: Buffer, contentType = 'application/octet-stream'): Encoded => ({
  body,
  contentType,
  wellFormed: false,
});

/** An event of binary mode as the SDK sees it, which has no binding for AMQP. */
function bySdk(
  headers: Readonly<Record<string, unknown>>,
  contentType: string,
  data: unknown,
): CloudEvent<unknown> {
  const event = new CloudEvent({ ...attributesAmong(headers), datacontenttype: contentType, data } as never);
  event.validate();
  return event as CloudEvent<unknown>;
}

const EXPECTED = {
  specversion: '1.0',
  id: about.id,
  type: 'order.placed',
  source: 'shop',
  subject: 'order-1',
  partitionkey: 'order-1',
  time: '2030-01-02T03:04:05.678Z',
  correlationid: 'c-1',
  causationid: 'cause-1',
  traceparent: about.headers['traceparent'],
  datacontenttype: 'application/json',
};

describe('plain', () => {
  test('is the payload and nothing else', () => {
    const payload = json({ a: 1 });
    expect(onWire('plain', about, payload)).toEqual({
      body: payload.body,
      contentType: 'application/json',
      headers: about.headers,
    });
  });
});

describe('nest', () => {
  test('is a packet of pattern and data', () => {
    fc.assert(
      fc.property(fc.string(), fc.jsonValue(), (type, data) => {
        const { body, contentType } = onWire('nest', { ...about, type }, json(data));
        const packet: unknown = JSON.parse(body.toString());
        expect(isNestPacket(packet)).toBe(true);
        expect(packet).toEqual({ pattern: type, data: JSON.parse(JSON.stringify(data)) as unknown });
        expect(contentType).toBe('application/json');
      }),
    );
  });

  test('takes bytes that are JSON and say so', () => {
    const { body } = onWire(
      'nest',
      about,
      bytes(Buffer.from('[1]'), 'application/vnd.acme+json; charset=utf-8'),
    );
    expect(body.toString()).toBe('{"pattern":"order.placed","data":[1]}');
  });

  test.each([
    ['bytes', bytes(Buffer.from([1]))],
    ['text', bytes(Buffer.from('text'), 'text/plain')],
    ['what says that it is JSON, and is not', bytes(Buffer.from('{"a"'), 'application/json')],
  ])('refuses %s', (_what, payload) => {
    expect(() => onWire('nest', about, payload)).toThrow(/for a payload in JSON only/);
  });
});

describe('cloudevents', () => {
  test('is what the SDK takes for a valid event, with all its attributes', () => {
    const { body, contentType, headers } = onWire('cloudevents', about, json({ a: 1 }));
    expect(bySdk(headers, contentType, JSON.parse(body.toString())).toJSON()).toEqual({
      ...EXPECTED,
      data: { a: 1 },
    });
    expect(Object.keys(headers).filter((name) => name.startsWith('cloudEvents_'))).toHaveLength(10);
    expect(headers).toMatchObject(about.headers);
  });

  test('leaves out what is not known', () => {
    const bare = { ...about, key: null, correlationId: null, headers: {} };
    expect(Object.keys(onWire('cloudevents', bare, json(1)).headers).sort()).toEqual(
      ['id', 'source', 'specversion', 'time', 'type'].map((name) => `cloudEvents_${name}`),
    );
  });

  test('takes attributes of the emitter, but none that the event is known by', () => {
    const headers = {
      cloudEvents_subject: 'an address',
      'cloudEvents:dataschema': 'https://acme.example/order.json',
      cloudEvents_id: 'mine',
      cloudEvents_type: 'mine',
    };
    for (const format of ['cloudevents', 'cloudevents-structured'] as const) {
      const wire = onWire(format, { ...about, headers }, json(1));
      const attributes = attributesAmong(wire.headers) ?? readStructured(wire.body).attributes;
      expect(attributes).toMatchObject({
        id: about.id,
        type: 'order.placed',
        subject: 'an address',
        partitionkey: 'order-1',
        dataschema: 'https://acme.example/order.json',
      });
      expect(Object.keys(wire.headers)).not.toContain('cloudEvents:dataschema');
    }
  });
});

describe('cloudevents-structured', () => {
  const sdk = (body: Buffer) =>
    HTTP.toEvent({
      headers: { 'content-type': 'application/cloudevents+json' },
      body: body.toString(),
    }) as CloudEvent<unknown>;

  test('is what the SDK takes for a valid event, with JSON as JSON', () => {
    const { body, contentType, headers } = onWire('cloudevents-structured', about, json({ a: [1, 'ü'] }));
    expect(contentType).toBe('application/cloudevents+json');
    expect(headers).toEqual(about.headers);
    const event = sdk(body);
    event.validate();
    expect(event.toJSON()).toEqual({ ...EXPECTED, data: { a: [1, 'ü'] } });
  });

  test('has anything else in base64', () => {
    const { body } = onWire('cloudevents-structured', about, bytes(Buffer.from([0, 255]), 'image/png'));
    const event = sdk(body);
    expect(event.datacontenttype).toBe('image/png');
    expect(Buffer.from(event.data_base64 ?? '', 'base64')).toEqual(Buffer.from([0, 255]));
  });

  test('has in base64 what says that it is JSON, and is not', () => {
    const payload = bytes(Buffer.from('{"a"'), 'application/json');
    const document = JSON.parse(onWire('cloudevents-structured', about, payload).body.toString()) as object;
    expect(document).toMatchObject({ data_base64: payload.body.toString('base64') });
  });

  test('comes apart as it was put together', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string({ minLength: 1 }), (data, key) => {
        const read = readStructured(onWire('cloudevents-structured', { ...about, key }, json(data)).body);
        expect(read.encoded).toBe(false);
        expect(read.data).toEqual(JSON.parse(JSON.stringify(data)));
        expect(fromAttributes(read.attributes)).toMatchObject({ id: about.id, type: about.type, key });
      }),
    );
  });

  test.each(['', 'null', '[]', '7', '"text"', '{}', '{"id":"1"}', '{"specversion"'])('refuses %s', (body) => {
    expect(() => readStructured(Buffer.from(body))).toThrow(/JSON|no CloudEvent/);
  });
});

describe('attributes', () => {
  test('are read with either prefix, and times of AMQP as text', () => {
    const headers = {
      'cloudEvents:specversion': '1.0',
      'cloudEvents:id': '7',
      'cloudEvents:time': { '!': 'timestamp', value: 1_900_000_000 },
      'cloudEvents:size': 3,
      'cloudEvents:list': [1],
      other: 'x',
    };
    const attributes = attributesAmong(headers);
    expect(attributes).toEqual({ specversion: '1.0', id: '7', time: '2030-03-17T17:46:40.000Z', size: 3 });
    expect(fromAttributes(attributes ?? {})).toMatchObject({
      id: '7',
      occurredAt: new Date(1_900_000_000_000),
    });
  });

  test.each([{}, { cloudEvents_id: '7' }, { specversion: '1.0' }])(
    'are none without a version: %j',
    (headers) => {
      expect(attributesAmong(headers)).toBeUndefined();
    },
  );

  test('that say nothing are taken for not given', () => {
    expect(fromAttributes({ id: '', type: 7, time: 'soon' })).toEqual({
      id: undefined,
      type: undefined,
      key: undefined,
      correlationId: undefined,
      causationId: undefined,
      occurredAt: undefined,
    });
  });
});
