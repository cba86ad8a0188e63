import { Injectable } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { Abort, OnEvent, OutboxService, type EventContext, type OutboxOptions } from 'nestjs-rabbitmq-outbox';
import {
  OutboxOpenTelemetryModule,
  type OutboxOpenTelemetryOptions,
} from 'nestjs-rabbitmq-outbox/opentelemetry';
import { DataSource } from 'typeorm';
import { openStage, type Stage } from '../consume/stage.js';
import { eventually, startApp, type TestApp } from '../support/outbox-app.js';
import { idOf, recordSpans, traceOf } from './spans.js';

/** Of a span: how many events it stands for. */
const COUNT = 'messaging.batch.message_count';

@Injectable()
class Orders {
  readonly contexts: EventContext[] = [];
  readonly baggage: Array<string | undefined> = [];

  constructor(
    private readonly outbox: OutboxService,
    private readonly dataSource: DataSource,
  ) {}

  @OnEvent('order.placed', { retry: ['100ms'] })
  async place({ how }: { how?: string }, ctx: EventContext): Promise<void> {
    this.contexts.push(ctx);
    this.baggage.push(propagation.getBaggage(context.active())?.getEntry('tenant')?.value);
    if (how === 'abort') throw new Abort('nothing to do');
    if (how === 'fail') throw new TypeError('not now');
    await this.dataSource.transaction((tx) => this.outbox.emit(tx, 'invoice.sent', {}));
  }

  @OnEvent('invoice.sent')
  send(): string | undefined {
    return trace.getActiveSpan()?.spanContext().traceId;
  }
}

describe('traces', () => {
  let spans: ReturnType<typeof recordSpans>;
  let stage: Stage;
  let app: TestApp;

  beforeAll(() => {
    spans = recordSpans();
  });
  afterAll(() => spans.shutdown());
  beforeEach(async () => {
    stage = await openStage();
  });
  afterEach(async () => {
    await app.close();
    await stage.close();
    spans.forget();
  });

  async function start(
    telemetry: OutboxOpenTelemetryOptions = {},
    options: Partial<OutboxOptions> = {},
  ): Promise<void> {
    app = await startApp(stage.playground, {
      options,
      providers: [Orders],
      imports: [OutboxOpenTelemetryModule.forRoot({ metrics: false, ...telemetry })],
    });
  }

  const exchange = () => stage.playground.name;
  const process = (method: string) => `process ${stage.queue(`Orders.${method}`)}`;
  const create = (type: string) => `create ${exchange()}:${type}`;
  /** What a request does, in a span of its own. */
  const request = <T>(work: () => Promise<T>): Promise<T> =>
    spans.tracer.startActiveSpan('request', async (span) => {
      try {
        return await work();
      } finally {
        span.end();
      }
    });

  test('go from the request through the row to the handler, and on to what it emits', async () => {
    await start();
    const id = await request(() => app.emit('order.placed'));
    const [last] = await spans.ended(process('send'));
    const [root] = await spans.ended('request');
    const [placed] = spans.named(create('order.placed'));
    const [placing] = spans.named(process('place'));
    const [sent] = spans.named(create('invoice.sent'));
    expect([placed, placing, sent, last].map((span) => span && traceOf(span))).toEqual(
      Array.from({ length: 4 }, () => traceOf(root)),
    );
    const parents = [placed, placing, sent, last].map((span) => span?.parentSpanContext?.spanId);
    expect(parents).toEqual([root, placed, placing, sent].map((span) => span && idOf(span)));
    expect([placed, placing].map((span) => span?.kind)).toEqual([SpanKind.PRODUCER, SpanKind.CONSUMER]);
    expect(placing?.links.map((link) => link.context.spanId)).toEqual([placed && idOf(placed)]);
    expect(placed?.attributes).toMatchObject({
      'messaging.system': 'rabbitmq',
      'messaging.operation.name': 'create',
      'messaging.operation.type': 'create',
      'messaging.destination.name': `${exchange()}:order.placed`,
      'messaging.rabbitmq.destination.routing_key': 'order.placed',
      'messaging.message.id': id,
      'outbox.name': 'default',
    });
    expect(placing?.attributes).toMatchObject({
      'messaging.system': 'rabbitmq',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': `${exchange()}:order.placed:${stage.queue('Orders.place')}`,
      'messaging.message.id': id,
      'outbox.handler': 'Orders.place',
      'outbox.outcome': 'handled',
    });
  });

  test('carry the context in the row, as W3C has it, and leave one that the emitter gave', async () => {
    await start();
    app.relay.pause();
    await request(() => app.emit('order.placed'));
    const theirs = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await request(() => app.emit('order.placed', {}, { headers: { traceparent: theirs, tenant: 'a' } }));
    const rows = await stage.playground.sql<{ headers: string }>(
      `SELECT headers FROM ${stage.playground.name}.outbox ORDER BY seq`,
    );
    const headers = rows.map((row) => JSON.parse(row.headers) as Record<string, string>);
    const [first] = spans.named(create('order.placed'));
    expect(headers[0]).toEqual({ traceparent: first && `00-${traceOf(first)}-${idOf(first)}-01` });
    expect(headers[1]).toEqual({ traceparent: theirs, tenant: 'a' });
  });

  test('show every attempt, with its error, that it is retried, and that it ends as a dead letter', async () => {
    await start();
    await request(() => app.emit('order.placed', { how: 'fail' }));
    const [first, second] = await spans.ended(process('place'), 2);
    const [root] = spans.named('request') as [typeof first];
    expect([first, second].map((span) => span && traceOf(span))).toEqual([traceOf(root), traceOf(root)]);
    expect(first.attributes).toMatchObject({
      'outbox.outcome': 'retried',
      'error.type': 'TypeError',
    });
    expect(second?.attributes).toMatchObject({ 'outbox.attempt': 2, 'outbox.outcome': 'dead-lettered' });
    expect(first.status).toEqual({ code: SpanStatusCode.ERROR, message: 'not now' });
    expect(first.events.map(({ name, attributes }) => [name, attributes?.['outbox.delay_ms']])).toEqual([
      ['exception', undefined],
      ['retry', 100],
    ]);
    expect(second?.events.map(({ name, attributes }) => [name, attributes?.['outbox.reason']])).toEqual([
      ['exception', undefined],
      ['dead letter', 'exhausted'],
    ]);
  });

  test('show the relay with one span for each batch, linked to where its events were emitted', async () => {
    await start();
    app.relay.pause();
    const ids = [
      await request(() => app.emit('order.placed')),
      await request(() => app.emit('order.paid')),
      await app.emit(
        'order.placed',
        {},
        { headers: { traceparent: `00-${'0'.repeat(31)}1-${'0'.repeat(15)}1-00` } },
      ),
    ];
    app.relay.resume();
    // Answers that come far apart are batches of their own; and what handlers emit is sent, too.
    const batches = await eventually(() => {
      const ended = spans.named(`send ${exchange()}`);
      return ended.reduce((sum, { attributes }) => sum + Number(attributes[COUNT]), 0) >= 3 && ended;
    });
    const created = [...spans.named(create('order.placed')), ...spans.named(create('order.paid'))];
    const emitters = ['order.placed', 'order.paid'].map((type) =>
      created.find((span) => span.name === create(type)),
    );
    for (const { kind, parentSpanContext, attributes, duration } of batches) {
      expect(kind).toBe(SpanKind.CLIENT);
      expect(parentSpanContext).toBeUndefined();
      expect(attributes).toMatchObject({
        'messaging.operation.name': 'send',
        'messaging.destination.name': exchange(),
      });
      expect(duration[0] * 1_000 + duration[1] / 1e6).toBeGreaterThan(0);
    }
    // The third was emitted where nothing is sampled. They come in the order of the broker's answers.
    const linked = batches
      .flatMap(({ links }) => links)
      .map(({ context, attributes }) => [context.spanId, attributes?.['messaging.message.id']]);
    const emitted = emitters.map((span, index) => [span && idOf(span), ids[index]]);
    const ofOurs = linked.filter(([, id]) => ids.includes(id as string));
    expect(ofOurs).toHaveLength(2);
    expect(ofOurs).toEqual(expect.arrayContaining(emitted));
  });

  test('show that the broker refused a batch', async () => {
    await start({}, { rabbitmq: { unroutable: 'fail' }, relay: { retry: { attempts: 1 } } });
    await request(() => app.emit('nobody.listens'));
    const [sending] = await spans.ended(`send ${exchange()}`);
    expect(sending.status).toEqual({
      code: SpanStatusCode.ERROR,
      message: expect.stringContaining('UnroutableEventError'),
    });
    expect(sending.links).toHaveLength(1);
  });

  test('do not call an abort an error', async () => {
    await start();
    await request(() => app.emit('order.placed', { how: 'abort' }));
    const [span] = await spans.ended(process('place'));
    expect(span.attributes['outbox.outcome']).toBe('aborted');
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
  });

  test('have one span for events that are emitted at once', async () => {
    await start();
    const [placed, paid] = ['order.placed', 'order.paid'].map((type) => ({ type, payload: {} }));
    await request(() =>
      app.dataSource.transaction((tx) => app.outbox.emitMany(tx, [placed, paid, paid] as object[])),
    );
    const [span] = await spans.ended(`create ${exchange()}`);
    expect(span.attributes['messaging.batch.message_count']).toBe(3);
    const [handling] = await spans.ended(process('place'));
    expect(handling.parentSpanContext?.spanId).toBe(idOf(span));
  });

  test('say that an emit failed', async () => {
    await start();
    await expect(request(() => app.emit('order.placed', { loop: 1n }))).rejects.toThrow('BigInt');
    const [span] = spans.named(create('order.placed'));
    expect(span?.status.code).toBe(SpanStatusCode.ERROR);
  });

  test('are linked, and one for each handling, with parent: "link"', async () => {
    await start({ tracing: { parent: 'link' } });
    await request(() => app.emit('order.placed'));
    const [handling] = await spans.ended(process('place'));
    const [created] = spans.named(create('order.placed')) as [typeof handling];
    expect(handling.parentSpanContext).toBeUndefined();
    expect(traceOf(handling)).not.toBe(traceOf(created));
    expect(handling.links.map((link) => link.context.spanId)).toEqual([idOf(created)]);
  });

  test.each([
    [false, undefined],
    [true, 'acme'],
  ])('take baggage along only if they are told to: %s', async (baggage, expected) => {
    await start({ tracing: { baggage } });
    const tenant = propagation.createBaggage({ tenant: { value: 'acme' } });
    await context.with(propagation.setBaggage(context.active(), tenant), () => app.emit('order.placed'));
    await spans.ended(process('place'));
    expect(app.app.get(Orders).baggage).toEqual([expected]);
  });

  test('begin at the handler for a message from elsewhere, which has none', async () => {
    await start();
    await stage.publish('order.placed');
    const [handling] = await spans.ended(process('place'));
    expect(handling.parentSpanContext).toBeUndefined();
    expect(handling.links).toEqual([]);
  });

  test('survive a traceparent that is none', async () => {
    await start();
    await stage.publish('order.placed', {}, { headers: { traceparent: 'nonsense', tracestate: '\u0000=' } });
    const [handling] = await spans.ended(process('place'));
    expect(handling.attributes['outbox.outcome']).toBe('handled');
  });

  test('are not made without tracing', async () => {
    await start({ tracing: false });
    await request(() => app.emit('order.placed'));
    await eventually(() => app.app.get(Orders).contexts.length === 1);
    expect(app.app.get(Orders).contexts[0]?.headers).toEqual({});
    expect(spans.spans().map(({ name }) => name)).toEqual(['request']);
  });

  test.each([
    [{ parent: 'child' as never }, "tracing.parent must be 'parent' or 'link', got \"child\""],
    [{ baggage: 1 as never }, 'tracing.baggage must be true or false, got 1'],
    [{ bagage: true } as never, 'tracing.bagage is not an option'],
  ])('are refused with wrong options: %j', async (tracing, message) => {
    await expect(start({ tracing })).rejects.toThrow(message);
    await start();
  });
});
