import { Injectable } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ConsumeMessage } from 'amqplib';
import { EventContext, OnEvent, Retry } from 'nestjs-rabbitmq-outbox';
import { eventually, type TestApp } from '../support/outbox-app.js';
import { openStage, type Stage } from './stage.js';

interface Seen {
  readonly handler: string;
  readonly context: EventContext;
  readonly at: number;
}

@Injectable()
class Office {
  readonly seen: Seen[] = [];

  @OnEvent('letter.#', { retry: ['200ms', '500ms'] })
  failing(_payload: unknown, context: EventContext): void {
    this.record('failing', context);
    throw new Error(`attempt ${context.attempt} failed`);
  }

  @OnEvent('letter.#')
  content(_payload: unknown, context: EventContext): void {
    this.record('content', context);
  }

  @OnEvent('parcel.#', { retry: ['200ms'] })
  recovering(_payload: unknown, context: EventContext): void {
    this.record('recovering', context);
    if (context.attempt === 1) throw new Error('only the first time');
  }

  @OnEvent('stubborn', { retry: false })
  stubborn(_payload: unknown, context: EventContext): void {
    this.record('stubborn', context);
    if (context.attempt < 3) throw new Retry('not yet', { delay: 100 });
  }

  @OnEvent('patient', { retry: false })
  patient(_payload: unknown, context: EventContext): void {
    this.record('patient', context);
    if (context.attempt === 1) throw new Retry('when you can');
  }

  of(handler: string, id: string): Seen[] {
    return this.seen.filter((seen) => seen.handler === handler && seen.context.id === id);
  }

  private record(handler: string, context: EventContext): void {
    this.seen.push({ handler, context, at: performance.now() });
  }
}

const PROPERTIES = {
  correlationId: 'corr-1',
  contentType: 'application/vnd.letter+json; charset=utf-8',
  contentEncoding: 'identity',
  replyTo: 'answers',
  priority: 3,
  timestamp: 1_700_000_000,
  appId: 'elsewhere',
  expiration: '3600000',
  headers: {
    tenant: 'acme',
    weight: 1.5,
    urgent: true,
    'outbox-key': 'k-1',
    'outbox-causation-id': 'cause-1',
    'outbox-tracking': 't-1,t-2',
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  },
};

describe('a retry', () => {
  let stage: Stage;
  let office: Office;

  beforeAll(async () => {
    stage = await openStage();
    office = (await stage.start({ providers: [Office] })).app.get(Office);
  });

  afterAll(() => stage?.close());

  test('returns to the queue that failed and to no other, and keeps its routing key', async () => {
    const id = await stage.publish('letter.sent.abroad', { text: 'hi' }, { type: 'letter' });
    await stage.deadLetter(stage.queue('Office.failing'));
    expect(office.of('failing', id)).toHaveLength(3);
    expect(office.of('content', id)).toHaveLength(1);
    for (const { context } of office.of('failing', id))
      expect(context).toMatchObject({
        id,
        type: 'letter',
        routingKey: 'letter.sent.abroad',
        queue: stage.queue('Office.failing'),
      });
  });

  test('counts its attempts', async () => {
    const id = await stage.publish('letter.sent');
    await stage.deadLetter(stage.queue('Office.failing'));
    expect(office.of('failing', id).map(({ context }) => context.attempt)).toEqual([1, 2, 3]);
    expect(office.of('content', id).map(({ context }) => context.attempt)).toEqual([1]);
  });

  test('waits at least its delay', async () => {
    const id = await stage.publish('letter.sent');
    await stage.deadLetter(stage.queue('Office.failing'));
    const [first, second, third] = office.of('failing', id).map(({ at }) => at);
    expect(second! - first!).toBeGreaterThanOrEqual(200);
    expect(third! - second!).toBeGreaterThanOrEqual(500);
  });

  test('is handled when its handler no longer fails, and leaves no dead letter', async () => {
    const id = await stage.publish('parcel.sent');
    await eventually(() => office.of('recovering', id).length === 2);
    expect(await stage.take(`${stage.queue('Office.recovering')}.dlq`)).toBeUndefined();
  });

  test('carries everything the event came with', async () => {
    const id = await stage.publish('parcel.sent', { weight: 7 }, PROPERTIES);
    const [first, second] = await eventually(() => {
      const both = office.of('recovering', id);
      return both.length === 2 && both.map(({ context }) => context);
    });
    const { message: _, attempt: __, signal: ___, ...original } = first!;
    expect(second).toMatchObject(original);
    expect(second).toMatchObject({
      key: 'k-1',
      causationId: 'cause-1',
      trackingIds: ['t-1', 't-2'],
      correlationId: 'corr-1',
      occurredAt: new Date(1_700_000_000_000),
    });
    expect(second?.headers).toEqual({
      tenant: 'acme',
      weight: 1.5,
      urgent: true,
      traceparent: PROPERTIES.headers.traceparent,
    });
  });

  test('that is asked for with a delay comes even when retrying is off, as often as it is asked for', async () => {
    const id = await stage.publish('stubborn');
    await eventually(() => office.of('stubborn', id).length === 3);
    const [first, second, third] = office.of('stubborn', id).map(({ at }) => at);
    expect(second! - first!).toBeGreaterThanOrEqual(100);
    expect(third! - second!).toBeGreaterThanOrEqual(100);
    expect(await stage.take(`${stage.queue('Office.stubborn')}.dlq`)).toBeUndefined();
  });

  test('that is asked for without a delay, when the list has none left, comes after a second', async () => {
    const id = await stage.publish('patient');
    await eventually(() => office.of('patient', id).length === 2);
    const [first, second] = office.of('patient', id).map(({ at }) => at);
    expect(second! - first!).toBeGreaterThanOrEqual(1_000);
  });

  test('does not expire while it waits, whatever the event was given', async () => {
    const id = await stage.publish('parcel.sent', {}, { expiration: '60000' });
    const [, second] = await eventually(() => {
      const both = office.of('recovering', id);
      return both.length === 2 && both;
    });
    const { properties } = second!.context.message as ConsumeMessage;
    expect(properties.expiration).toBeUndefined();
  });
});

describe('a dead letter', () => {
  let stage: Stage;
  let app: TestApp;

  beforeAll(async () => {
    stage = await openStage();
    app = await stage.start({ providers: [Office] });
  });

  afterAll(() => stage?.close());

  test('has the error’s type, message and stack, the attempt and the consumer, and when it happened', async () => {
    const before = Date.now();
    await stage.publish('letter.sent');
    const { headers } = (await stage.deadLetter(stage.queue('Office.failing'))).properties;
    expect(headers).toMatchObject({
      'outbox-error-type': 'Error',
      'outbox-error-message': 'attempt 3 failed',
      'outbox-error-stack': expect.stringMatching(/^Error: attempt 3 failed\n.*Office\.failing/s),
      'outbox-attempt': 3,
      'outbox-consumer': stage.queue('Office.failing'),
      'outbox-routing-key': 'letter.sent',
    });
    const at = Date.parse(String(headers?.['outbox-error-at']));
    expect(at).toBeGreaterThanOrEqual(before);
    expect(at).toBeLessThanOrEqual(Date.now());
  });

  test('has the history of its attempts, in the header that its retries carried along', async () => {
    await stage.publish('letter.sent');
    const { headers } = (await stage.deadLetter(stage.queue('Office.failing'))).properties;
    const history = JSON.parse(String(headers?.['outbox-errors'])) as Array<[number, number, string]>;
    expect(history.map(([attempt, , error]) => [attempt, error])).toEqual([
      [1, 'Error: attempt 1 failed'],
      [2, 'Error: attempt 2 failed'],
      [3, 'Error: attempt 3 failed'],
    ]);
    const times = history.map(([, at]) => at);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(new Date(times.at(-1) as number).toISOString()).toBe(headers?.['outbox-error-at']);
  });

  test('has everything the event came with: headers, properties, and the bytes of its body', async () => {
    const id = await stage.publish('letter.sent', { ü: '…', n: 1.0 }, PROPERTIES);
    const letter = await stage.deadLetter(stage.queue('Office.failing'));
    expect(letter.content).toEqual(Buffer.from(JSON.stringify({ ü: '…', n: 1.0 })));
    expect(letter.properties.headers).toMatchObject(PROPERTIES.headers);
    const { headers: _, expiration: __, ...rest } = PROPERTIES;
    expect(letter.properties).toMatchObject({ ...rest, messageId: id, type: 'letter.sent', deliveryMode: 2 });
  });

  test('never expires, whatever the event was given', async () => {
    await stage.publish('letter.sent', {}, { expiration: '60000' });
    const letter = await stage.deadLetter(stage.queue('Office.failing'));
    expect(letter.properties.expiration).toBeUndefined();
  });

  test('that fails again after it was requeued tells of its last error only', async () => {
    const stale = { 'outbox-error-stack': 'old', 'outbox-error-message': 'old', 'outbox-error-type': 'Old' };
    await stage.publish('letter.sent', {}, { headers: { ...stale, 'outbox-attempt': 3 } });
    const { headers } = (await stage.deadLetter(stage.queue('Office.failing'))).properties;
    expect(headers).toMatchObject({
      'outbox-error-type': 'Error',
      'outbox-error-message': 'attempt 3 failed',
      'outbox-error-stack': expect.not.stringMatching(/^old/),
    });
  });

  test('is what becomes of an event that expires before anybody handles it, too', async () => {
    await app.close();
    const id = await stage.publish('letter.sent', {}, { expiration: '1' });
    const letter = await stage.deadLetter(stage.queue('Office.content'));
    expect(letter.properties.messageId).toBe(id);
    expect(letter.properties.headers?.['x-death']).toMatchObject([{ reason: 'expired' }]);
  });
});
