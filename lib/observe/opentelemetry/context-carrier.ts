import {
  createTraceState,
  INVALID_SPANID,
  INVALID_TRACEID,
  propagation,
  ROOT_CONTEXT,
  trace,
  TraceFlags,
  type Context,
  type SpanContext,
} from '@opentelemetry/api';
import type { EventHeaders } from '../../event/envelope.js';

/** Names that would not get through: brokers own `x-`, and `outbox-` is ours. */
const NOT_OURS = /^(x-|outbox-)/i;

/** The context as headers of an event, by the propagators of the application: `traceparent` and `tracestate` as a rule. */
export function headersOf(context: Context, baggage: boolean): EventHeaders {
  const carrier: Record<string, string> = {};
  propagation.inject(context, carrier);
  const kept = Object.entries(carrier).filter(
    ([name, value]) => typeof value === 'string' && !NOT_OURS.test(name) && (baggage || name !== 'baggage'),
  );
  return Object.fromEntries(kept);
}

/**
 * The context that the event was emitted in, as the propagators of the application read it. Where they read what W3C has
 * (and no baggage is there) it is read here, with every delivery, in a quarter of the time that they take.
 */
export function contextOf(headers: EventHeaders | null): Context {
  if (!headers) return ROOT_CONTEXT;
  const { traceparent, tracestate, baggage } = headers;
  if (typeof traceparent === 'string' && baggage === undefined && readsOnlyW3c()) {
    const span = spanOf(traceparent);
    if (span) return trace.setSpanContext(ROOT_CONTEXT, withState(span, tracestate));
  }
  return propagation.extract(ROOT_CONTEXT, headers);
}

/** Of the context, or of a `traceparent`, if it is sampled: nobody keeps the others. */
export function sampledSpan(of: Context | string | null): SpanContext | undefined {
  const span = typeof of === 'string' ? spanOf(of) : of && trace.getSpanContext(of);
  return span && (span.traceFlags & TraceFlags.SAMPLED) !== 0 ? span : undefined;
}

const W3C = ['traceparent', 'tracestate', 'baggage'];
const readsOnlyW3c = () => {
  const fields = propagation.fields();
  return fields.includes('traceparent') && fields.every((field) => W3C.includes(field));
};

/** https://www.w3.org/TR/trace-context/#traceparent-header-field-values */
const TRACEPARENT = /^00-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/;

function spanOf(traceparent: string): SpanContext | undefined {
  const parts = TRACEPARENT.exec(traceparent);
  if (!parts) return undefined;
  const [, traceId = '', spanId = '', flags = ''] = parts;
  if (traceId === INVALID_TRACEID || spanId === INVALID_SPANID) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
}

const withState = (span: SpanContext, tracestate: unknown): SpanContext =>
  typeof tracestate === 'string' ? { ...span, traceState: createTraceState(tracestate) } : span;
