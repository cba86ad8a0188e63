import {
  context,
  createContextKey,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Link,
  type Span,
  type SpanOptions,
  type Tracer,
} from '@opentelemetry/api';
import type { EventHeaders } from '../../event/envelope.js';
import type { TracedDelivery, TracedHandler, TracedOutcome, Tracing } from '../../lifecycle/tracing.js';
import { contextOf, headersOf, sampledSpan } from './context-carrier.js';
import { endSafely, startSafely } from './safe-span.js';
import type { TracingOptions } from './tracing-options.js';
import { withoutInstrumentation } from './without-instrumentation.js';

/** What the SDK and every instrumentation look for; the key is `Symbol.for` of this text. */
const SUPPRESS_TRACING = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

export interface TracedOutbox {
  readonly name: string;
  /** The module's exchange. */
  readonly exchange: string;
}

/**
 * Spans as OpenTelemetry's conventions for messaging have them (1.44, in development still; attributes of ours begin
 * with `outbox.`): *create* where an event is emitted, whose context the
 * row carries; *process* around a handler.
 */
export class OpenTelemetryTracing implements Tracing {
  private readonly tracer: Tracer = trace.getTracer('nestjs-rabbitmq-outbox');

  constructor(
    private readonly outbox: TracedOutbox,
    private readonly options: Required<TracingOptions>,
  ) {}

  async emitting(
    events: ReadonlyArray<{ readonly type: string }>,
    work: (carrier: EventHeaders) => Promise<string[]>,
  ): Promise<string[]> {
    if (events.length === 0) return work({});
    const type = onlyType(events);
    const attributes = this.emitAttributes(type, events.length);
    const span = startSafely(() =>
      this.tracer.startSpan(`create ${this.destination(type)}`, { kind: SpanKind.PRODUCER, attributes }),
    );
    const active = trace.setSpan(context.active(), span);
    try {
      const ids = await context.with(active, () => work(headersOf(active, this.options.baggage)));
      if (ids.length === 1) span.setAttribute('messaging.message.id', ids[0] as string);
      return ids;
    } catch (error) {
      failed(span, error);
      throw error;
    } finally {
      endSafely(span);
    }
  }

  handling<Outcome extends TracedOutcome>(
    deliveries: readonly TracedDelivery[],
    where: TracedHandler,
    work: () => Promise<Outcome>,
  ): Promise<Outcome> {
    const [only] = deliveries;
    if (only && deliveries.length === 1) return this.handlingOne(only, where, work);
    const links = deliveries.flatMap(({ headers }) => linkTo(contextOf(headers)));
    const attributes = this.batchAttributes(deliveries.length, where);
    const span = this.processSpan(where, { attributes, links }, ROOT_CONTEXT);
    return within(span, ROOT_CONTEXT, work);
  }

  private handlingOne<Outcome extends TracedOutcome>(
    delivery: TracedDelivery,
    where: TracedHandler,
    work: () => Promise<Outcome>,
  ): Promise<Outcome> {
    const created = contextOf(delivery.headers);
    const isChild = this.options.parent === 'parent' && created !== ROOT_CONTEXT;
    const parent = isChild ? created : ROOT_CONTEXT;
    const span = isChild
      ? this.childSpan(delivery, where, parent)
      : this.processSpan(
          where,
          { attributes: this.deliveryAttributes(delivery, where), links: linkTo(created) },
          parent,
        );
    return within(span, parent, work);
  }

  /**
   * Whether it is sampled was decided where the trace began, so that attributes and link need not be there when it is made:
   * the SDK copies them three times there, and once when they are set later, which is a quarter of what a span costs.
   */
  private childSpan(delivery: TracedDelivery, where: TracedHandler, parent: Context): Span {
    const span = this.processSpan(where, {}, parent);
    if (!span.isRecording()) return span;
    span.setAttributes(this.deliveryAttributes(delivery, where));
    const emitter = sampledSpan(parent);
    if (emitter) span.addLink({ context: emitter });
    return span;
  }

  private processSpan({ queue }: TracedHandler, options: SpanOptions, parent: Context): Span {
    return startSafely(() =>
      this.tracer.startSpan(`process ${queue}`, { kind: SpanKind.CONSUMER, ...options }, parent),
    );
  }

  untraced<T>(work: () => T): T {
    if (!this.options.suppressRelay) return work();
    return context.with(context.active().setValue(SUPPRESS_TRACING, true), work);
  }

  takeOver(instrumented: object): void {
    if (this.options.suppressAmqplib) withoutInstrumentation(instrumented);
  }

  private emitAttributes(type: string | undefined, count: number): Attributes {
    const attributes: Attributes = {
      'messaging.system': 'rabbitmq',
      'messaging.operation.name': 'create',
      'messaging.operation.type': 'create',
      'messaging.destination.name': this.destination(type),
      'outbox.name': this.outbox.name,
    };
    if (type !== undefined) attributes['messaging.rabbitmq.destination.routing_key'] = type;
    if (count > 1) attributes['messaging.batch.message_count'] = count;
    return attributes;
  }

  private batchAttributes(count: number, { queue, handler }: TracedHandler): Attributes {
    return {
      'messaging.system': 'rabbitmq',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': queue,
      'messaging.batch.message_count': count,
      'outbox.name': this.outbox.name,
      'outbox.handler': handler,
    };
  }

  /**
   * One literal with plain names: put together from parts it costs more than the span. What goes without saying is left
   * out, for every attribute costs: a first attempt, a first delivery.
   */
  private deliveryAttributes(delivery: TracedDelivery, { queue, handler }: TracedHandler): Attributes {
    const { exchange, name } = this.outbox;
    const { id, routingKey, attempt, redelivered, correlationId } = delivery;
    const attributes: Attributes = {
      'messaging.system': 'rabbitmq',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': `${exchange}:${routingKey}:${queue}`,
      'messaging.rabbitmq.destination.routing_key': routingKey,
      'messaging.message.id': id,
      'outbox.name': name,
      'outbox.handler': handler,
    };
    if (attempt > 1) attributes['outbox.attempt'] = attempt;
    if (redelivered) attributes['outbox.redelivered'] = true;
    if (correlationId !== undefined) attributes['messaging.message.conversation_id'] = correlationId;
    return attributes;
  }

  /** RabbitMQ's destination, as the conventions write it. */
  private destination(type: string | undefined): string {
    return type === undefined ? this.outbox.exchange : `${this.outbox.exchange}:${type}`;
  }
}

/** Runs a handler in its span, which ends with what became of it. */
function within<Outcome extends TracedOutcome>(
  span: Span,
  parent: Context,
  work: () => Promise<Outcome>,
): Promise<Outcome> {
  return context.with(trace.setSpan(parent, span), work).then(
    (outcome) => {
      settled(span, outcome);
      endSafely(span);
      return outcome;
    },
    (error: unknown) => {
      failed(span, error);
      endSafely(span);
      throw error;
    },
  );
}

/** To the span that emitted, if it is sampled. */
function linkTo(created: Context): Link[] {
  const emitter = sampledSpan(created);
  return emitter ? [{ context: emitter }] : [];
}

/** The type of all of them, if they are of one. */
function onlyType(events: ReadonlyArray<{ readonly type: string }>): string | undefined {
  const type = events[0]?.type;
  return events.every((event) => event.type === type) ? type : undefined;
}

/** As the metrics call them. */
const OUTCOMES: Readonly<Record<string, string>> = { retry: 'retried', dead: 'dead-lettered' };

/** Retries and dead letters are to be seen on the attempt that led to them. */
function settled(span: Span, { kind, error, delay, reason }: TracedOutcome): void {
  span.setAttribute('outbox.outcome', OUTCOMES[kind] ?? kind);
  if (kind === 'handled' || kind === 'duplicate') return;
  if (kind !== 'aborted') failed(span, error);
  if (delay !== undefined) span.addEvent('retry', { 'outbox.delay_ms': delay });
  if (reason !== undefined) span.addEvent('dead letter', { 'outbox.reason': reason });
}

function failed(span: Span, error: unknown): void {
  const known = error instanceof Error ? error : undefined;
  span.setAttribute('error.type', known?.name ?? typeof error);
  span.setStatus({ code: SpanStatusCode.ERROR, ...(known && { message: known.message }) });
  if (known) span.recordException(known);
}
