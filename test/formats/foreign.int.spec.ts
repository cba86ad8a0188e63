import { Injectable } from '@nestjs/common';
import { CloudEvent, HTTP } from 'cloudevents';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { EventContext, OnEvent, OutboxService } from 'nestjs-rabbitmq-outbox';
import { eventually } from '../support/outbox-app.js';
import { openStage, type Stage } from '../consume/stage.js';

const seen: Array<{ handler: string; payload: unknown; context: EventContext }> = [];

@Injectable()
class Reader {
  constructor(private readonly outbox: OutboxService) {}

  @OnEvent('foreign.#', { retry: ['100ms'] })
  async read(payload: unknown, context: EventContext): Promise<void> {
    seen.push({ handler: 'read', payload, context });
    const { fail, emit } = (payload ?? {}) as { fail?: boolean; emit?: string };
    if (fail) throw new Error('no');
    if (emit !== undefined) await this.outbox.transaction(() => this.outbox.emit(emit, {}));
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

interface Sent {
  readonly body: Buffer;
  readonly contentType: string;
  readonly headers: Record<string, unknown>;
}

async function sendStructured(attributes: object): Promise<Sent> {
  const body = Buffer.from(JSON.stringify(attributes));
  const contentType = 'application/cloudevents+json';
  await stage.send(queueOf('read'), body, { contentType });
  return { body, contentType, headers: {} };
}

const sendBinary =
  (prefix: string) =>
  async ({ data, datacontenttype, ...attributes }: Record<string, unknown>): Promise<Sent> => {
    const body = Buffer.from(JSON.stringify(data));
    const contentType = datacontenttype as string;
    const given = Object.entries(attributes).filter(([, value]) => value !== undefined);
    const headers = Object.fromEntries(given.map(([name, value]) => [prefix + name, value]));
    await stage.send(queueOf('read'), body, { contentType, headers });
    return { body, contentType, headers };
  };

/** Of the first event of this type in the outbox, taken out of it: how it hangs together with others. */
async function rowOf(type: string): Promise<object> {
  const { playground } = stage;
  const [row] = await eventually(async () => {
    const rows = await playground.sql<object>(
      `DELETE FROM ${playground.name}.outbox WHERE type = $1 RETURNING correlation_id AS correlation,
        headers::json->>'outbox-causation-id' AS causation, headers::json->>'outbox-tracking' AS tracking`,
      [type],
    );
    return rows.length > 0 && rows;
  });
  return row as object;
}

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

  describe.each([
    ['in structured mode', sendStructured],
    ['in binary mode with the prefix cloudEvents_', sendBinary('cloudEvents_')],
    ['in binary mode with the prefix cloudEvents:', sendBinary('cloudEvents:')],
  ])('%s', (_mode, sendEvent) => {
    test('keeps what it is through its retries, into its dead letter', async () => {
      const sent = await sendEvent({ ...event.toJSON(), data: { fail: true } });
      const letter = await stage.deadLetter(queueOf('read'));
      expect(seen.map(({ context }) => `${context.id} ${context.attempt}`)).toEqual(['A-1 1', 'A-1 2']);
      for (const { payload, context } of seen) {
        expect(payload).toEqual({ fail: true });
        expect(context).toMatchObject(EXPECTED);
      }
      expect(letter.content).toEqual(sent.body);
      expect(letter.properties).toMatchObject({ messageId: 'A-1', contentType: sent.contentType });
      expect(letter.properties.headers).toMatchObject(sent.headers);
    });

    test('can have an id that no message can carry as its own', async () => {
      const id = 'long'.repeat(100);
      await sendEvent({ ...event.toJSON(), id, data: { fail: true } });
      await stage.deadLetter(queueOf('read'));
      expect(seen.map(({ context }) => [context.id, context.attempt])).toEqual([
        [id, 1],
        [id, 2],
      ]);
    });

    test('is what the events that its handler emits were caused by', async () => {
      await sendEvent({ ...event.toJSON(), data: { emit: 'caused' } });
      expect(await rowOf('caused')).toEqual({ correlation: 'c-9', causation: 'A-1', tracking: 'A-1' });
    });

    test('lets its handler emit, whatever its ids are', async () => {
      const id = 'long'.repeat(100);
      await sendEvent({ ...event.toJSON(), id, correlationid: `${id}\0`, data: { emit: 'uncaused' } });
      expect(await rowOf('uncaused')).toEqual({ correlation: null, causation: null, tracking: null });
    });
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
