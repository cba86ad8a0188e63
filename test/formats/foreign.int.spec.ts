import { Injectable } from '@nestjs/common';
import { CloudEvent, HTTP } from 'cloudevents';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { EventContext, OnEvent } from 'nestjs-rabbitmq-outbox';
import { eventually } from '../support/outbox-app.js';
import { openStage, type Stage } from '../consume/stage.js';

const seen: Array<{ handler: string; payload: unknown; context: EventContext }> = [];

@Injectable()
class Reader {
  @OnEvent('foreign.#', { retry: ['100ms'] })
  read(payload: unknown, context: EventContext): void {
    seen.push({ handler: 'read', payload, context });
    if ((payload as { fail?: boolean } | null)?.fail) throw new Error('no');
  }

  @OnEvent('raw.bytes')
  bytes(payload: Buffer, context: EventContext): void {
    seen.push({ handler: 'bytes', payload, context });
  }

  @OnEvent('raw.text')
  text(payload: string, context: EventContext): void {
    seen.push({ handler: 'text', payload, context });
  }
}

/** Two handlers on one queue, told apart by the type of the event. */
function sharing(queue: string) {
  @Injectable()
  class Sharing {
    @OnEvent('shared.one', { queue })
    one(payload: unknown, context: EventContext): void {
      seen.push({ handler: 'one', payload, context });
    }

    @OnEvent('shared.two', { queue })
    two(payload: unknown, context: EventContext): void {
      seen.push({ handler: 'two', payload, context });
    }
  }
  return Sharing;
}

let stage: Stage;
let shared: string;

beforeAll(async () => {
  stage = await openStage();
  shared = `${stage.playground.name}.shared`;
  await stage.start({ providers: [Reader, sharing(shared)] });
});

afterAll(() => stage?.close());

beforeEach(() => {
  seen.length = 0;
});

const first = () => eventually(() => seen[0]);
const queueOf = (handler: string) => stage.queue(`Reader.${handler}`);

const event = new CloudEvent({
  id: 'A-1',
  source: '/machines/7',
  type: 'com.acme.measured',
  subject: 'valve',
  time: '2030-01-02T03:04:05.000Z',
  partitionkey: 'seven',
  correlationid: 'c-9',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  data: { bar: 3 },
});

const EXPECTED = {
  id: 'A-1',
  type: 'com.acme.measured',
  key: 'seven',
  correlationId: 'c-9',
  occurredAt: new Date('2030-01-02T03:04:05.000Z'),
  cloudEvent: expect.objectContaining({ source: '/machines/7', subject: 'valve' }) as unknown,
  headers: { traceparent: event['traceparent'] },
};

describe('a CloudEvent of somebody else', () => {
  test('in structured mode, as the SDK writes it, is understood', async () => {
    const { headers, body } = HTTP.structured(event);
    await stage.send(queueOf('read'), body as string, { contentType: String(headers['content-type']) });
    const { payload, context } = await first();
    expect(payload).toEqual({ bar: 3 });
    expect(context).toMatchObject({ ...EXPECTED, routingKey: queueOf('read') });
  });

  test.each(['cloudEvents_', 'cloudEvents:'])(
    'in binary mode with the prefix %s is understood',
    async (prefix) => {
      const { data, datacontenttype, ...attributes } = event.toJSON() as Record<string, unknown>;
      const headers = Object.fromEntries(
        Object.entries(attributes).map(([name, value]) => [prefix + name, value]),
      );
      await stage.publish('foreign.measured', data, {
        headers,
        contentType: datacontenttype as string,
        type: undefined,
      });
      const { payload, context } = await first();
      expect(payload).toEqual({ bar: 3 });
      expect(context).toMatchObject({ ...EXPECTED, routingKey: 'foreign.measured' });
    },
  );

  test.each<[string, object, unknown]>([
    ['bytes', { data_base64: 'AP8=', datacontenttype: 'image/png' }, Buffer.from([0, 255])],
    ['JSON in base64', { data_base64: 'WzFd', datacontenttype: 'application/json' }, [1]],
    ['text', { data: '<a/>', datacontenttype: 'application/xml' }, '<a/>'],
    ['nothing', {}, null],
  ])('in structured mode can hold %s', async (_what, data, expected) => {
    const document = { specversion: '1.0', id: '1', source: '/', type: 'foreign.t', ...data };
    const contentType = 'application/cloudevents+json; charset=utf-8';
    await stage.send(queueOf('read'), JSON.stringify(document), { contentType });
    expect((await first()).payload).toEqual(expected);
  });

  test('keeps its id through its retries, into its dead letter', async () => {
    const document = { ...event.toJSON(), data: { fail: true } };
    await stage.send(queueOf('read'), JSON.stringify(document), {
      contentType: 'application/cloudevents+json',
    });
    const letter = await stage.deadLetter(queueOf('read'));
    expect(seen.map(({ context }) => `${context.id} ${context.attempt}`)).toEqual(['A-1 1', 'A-1 2']);
    expect(JSON.parse(letter.content.toString())).toEqual(document);
    expect(letter.properties.messageId).toBe('A-1');
  });

  test.each(['{"id":', '[]', '{"id":"1","type":"x"}'])(
    'that is none (%s) is a dead letter at once',
    async (body) => {
      await stage.send(queueOf('read'), body, { contentType: 'application/cloudevents+json' });
      const letter = await stage.deadLetter(queueOf('read'));
      expect(letter.properties.headers).toMatchObject({
        'outbox-error-type': 'UndecodableMessageError',
        'outbox-attempt': 1,
      });
      expect(seen).toEqual([]);
    },
  );
});

describe('a packet of Nest’s', () => {
  test('is its data, and its pattern is the type', async () => {
    await stage.send(queueOf('read'), '{"pattern":"order.placed","data":{"id":7}}');
    const { payload, context } = await first();
    expect(payload).toEqual({ id: 7 });
    expect(context).toMatchObject({ type: 'order.placed', routingKey: queueOf('read') });
  });

  test.each([
    ['a request', { pattern: 'x', data: 1, id: '5' }],
    ['one with more in it', { pattern: 'x', data: 1, more: 2 }],
    ['no packet', { data: 1 }],
  ])('is not taken for one if it is %s', async (_what, body) => {
    await stage.send(queueOf('read'), JSON.stringify(body));
    expect((await first()).payload).toEqual(body);
  });

  test('of an object pattern has the type that its routing key says', async () => {
    await stage.publish('foreign.cmd', { pattern: { cmd: 'sum' }, data: [1] }, { type: undefined });
    const { payload, context } = await first();
    expect(payload).toEqual([1]);
    expect(context.type).toBe('foreign.cmd');
  });

  test('is told from an event of ours that looks like one', async () => {
    const body = { pattern: 'x', data: 1 };
    await stage.publish('foreign.ours', body, { appId: 'shop' });
    expect((await first()).payload).toEqual(body);
  });

  test('sent straight to a queue of two handlers goes to the one for its pattern', async () => {
    await stage.send(shared, '{"pattern":"shared.two","data":2}');
    expect(await first()).toMatchObject({ handler: 'two', payload: 2 });
    await stage.send(shared, '{"pattern":"shared.three","data":3}');
    const letter = await stage.deadLetter(shared);
    expect(letter.properties.headers?.['outbox-error-message']).toMatch(/no handler of queue/);
  });
});

test.each([
  ['{"pattern":"raw","data":"x"}', undefined, 'x'],
  ['{"pattern":"raw","data":{"a":1}}', undefined, '{"pattern":"raw","data":{"a":1}}'],
  ['{"specversion":"1.0","data":"x"}', 'application/cloudevents+json', 'x'],
  ['not JSON at all', 'application/cloudevents+json', 'not JSON at all'],
])(
  'a handler that asks for bytes or text gets it of an envelope, too: %s',
  async (body, contentType, text) => {
    await stage.send(queueOf('bytes'), body, { contentType });
    await stage.send(queueOf('text'), body, { contentType });
    await eventually(() => seen.length === 2);
    const payloads = Object.fromEntries(seen.map(({ handler, payload }) => [handler, payload]));
    expect(payloads).toEqual({ bytes: Buffer.from(body), text });
  },
);
