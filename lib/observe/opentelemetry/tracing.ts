import {
  context,
  createContextKey,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import type { EventHeaders } from '../../event/envelope.js';
import type { TracedDelivery, TracedHandler, TracedOutcome, Tracing } from '../../lifecycle/tracing.js';
import { ATTRIBUTE, SYSTEM } from './attributes.js';
import { contextOf, headersOf, linksTo } from './context-carrier.js';
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
 * Spans as OpenTelemetry's conventions for messaging have them: *create* where an event is emitted, whose context the
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
    const { type, ...attributes } = this.emitAttributes(events);
    const span = this.tracer.startSpan(`create ${this.destination(type)}`, {
      kind: SpanKind.PRODUCER,
      attributes,
    });
    const active = trace.setSpan(context.active(), span);
    try {
      const ids = await context.with(active, () => work(headersOf(active, this.options.baggage)));
      if (ids.length === 1) span.setAttribute(ATTRIBUTE.messageId, ids[0] as string);
      return ids;
    } catch (error) {
      failed(span, error);
      throw error;
    } finally {
      span.end();
    }
  }

  async handling<Outcome extends TracedOutcome>(
    deliveries: readonly TracedDelivery[],
    where: TracedHandler,
    work: () => Promise<Outcome>,
  ): Promise<Outcome> {
    const created = deliveries.map(({ headers }) => contextOf(headers));
    const isParent = this.options.parent === 'parent' && created.length === 1;
    const parent = isParent ? (created[0] ?? ROOT_CONTEXT) : ROOT_CONTEXT;
    const span = this.tracer.startSpan(
      `process ${where.queue}`,
      {
        kind: SpanKind.CONSUMER,
        attributes: this.handlingAttributes(deliveries, where),
        links: linksTo(created),
      },
      parent,
    );
    try {
      const outcome = await context.with(trace.setSpan(parent, span), work);
      settled(span, outcome);
      return outcome;
    } catch (error) {
      failed(span, error);
      throw error;
    } finally {
      span.end();
    }
  }

  untraced<T>(work: () => T): T {
    if (!this.options.suppressRelay) return work();
    return context.with(context.active().setValue(SUPPRESS_TRACING, true), work);
  }

  takeOver(instrumented: object): void {
    if (this.options.suppressAmqplib) withoutInstrumentation(instrumented);
  }

  private emitAttributes(events: ReadonlyArray<{ readonly type: string }>): Attributes & { type?: string } {
    const types = new Set(events.map(({ type }) => type));
    const [only] = types;
    const type = types.size === 1 ? only : undefined;
    return {
      ...(type !== undefined && { type }),
      ...this.attributes('create', 'create', {
        [ATTRIBUTE.destination]: this.destination(type),
        ...(type !== undefined && { [ATTRIBUTE.routingKey]: type }),
        ...(events.length > 1 && { [ATTRIBUTE.batchCount]: events.length }),
      }),
    };
  }

  private handlingAttributes(
    deliveries: readonly TracedDelivery[],
    { queue, handler }: TracedHandler,
  ): Attributes {
    const [only] = deliveries;
    const common = this.attributes('process', 'process', {
      [ATTRIBUTE.destination]: queue,
      [ATTRIBUTE.handler]: handler,
    });
    if (!only || deliveries.length > 1) return { ...common, [ATTRIBUTE.batchCount]: deliveries.length };
    return {
      ...common,
      [ATTRIBUTE.destination]: `${this.outbox.exchange}:${only.routingKey}:${queue}`,
      [ATTRIBUTE.routingKey]: only.routingKey,
      [ATTRIBUTE.messageId]: only.id,
      [ATTRIBUTE.conversationId]: only.correlationId,
      [ATTRIBUTE.bodySize]: only.body.length,
      [ATTRIBUTE.attempt]: only.attempt,
      [ATTRIBUTE.redelivered]: only.redelivered,
    };
  }

  private attributes(operationName: string, operationType: string, more: Attributes): Attributes {
    return {
      [ATTRIBUTE.system]: SYSTEM,
      [ATTRIBUTE.operationName]: operationName,
      [ATTRIBUTE.operationType]: operationType,
      [ATTRIBUTE.outbox]: this.outbox.name,
      ...more,
    };
  }

  /** RabbitMQ's destination, as the conventions write it. */
  private destination(type: string | undefined): string {
    return type === undefined ? this.outbox.exchange : `${this.outbox.exchange}:${type}`;
  }
}

/** As the metrics call them. */
const OUTCOMES: Readonly<Record<string, string>> = { retry: 'retried', dead: 'dead-lettered' };

/** Retries and dead letters are to be seen on the attempt that led to them. */
function settled(span: Span, { kind, error, delay, reason }: TracedOutcome): void {
  span.setAttribute(ATTRIBUTE.outcome, OUTCOMES[kind] ?? kind);
  if (kind === 'handled' || kind === 'duplicate') return;
  if (kind !== 'aborted') failed(span, error);
  if (delay !== undefined) span.addEvent('retry', { [ATTRIBUTE.delay]: delay });
  if (reason !== undefined) span.addEvent('dead letter', { [ATTRIBUTE.reason]: reason });
}

function failed(span: Span, error: unknown): void {
  const known = error instanceof Error ? error : undefined;
  span.setAttribute(ATTRIBUTE.errorType, known?.name ?? typeof error);
  span.setStatus({ code: SpanStatusCode.ERROR, ...(known && { message: known.message }) });
  if (known) span.recordException(known);
}
