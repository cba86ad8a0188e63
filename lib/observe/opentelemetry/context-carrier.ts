import {
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  trace,
  TraceFlags,
  type Context,
  type Link,
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

export const contextOf = (headers: EventHeaders | null): Context =>
  headers ? propagation.extract(ROOT_CONTEXT, headers) : ROOT_CONTEXT;

/** A link to the span that emitted, if it is sampled: nobody keeps the others. */
export function linksTo(context: Context): Link[] {
  const created = trace.getSpanContext(context);
  const isKept =
    created !== undefined && isSpanContextValid(created) && (created.traceFlags & TraceFlags.SAMPLED) !== 0;
  return isKept ? [{ context: created }] : [];
}
