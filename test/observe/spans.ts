import { trace } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type ReadableSpan,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { eventually } from '../support/outbox-app.js';

/** OpenTelemetry as an application registers it, with an exporter into memory. */
export function recordSpans(...further: SpanProcessor[]) {
  const exporter = new InMemorySpanExporter();
  const spanProcessors = [new SimpleSpanProcessor(exporter), ...further];
  const provider = new NodeTracerProvider({ spanProcessors });
  provider.register();
  const spans = () => exporter.getFinishedSpans();
  const named = (name: string) => spans().filter((span) => span.name === name);
  return {
    spans,
    named,
    /** The first so many spans of a name, as soon as they have ended. */
    async ended(name: string, count = 1): Promise<[ReadableSpan, ...ReadableSpan[]]> {
      await eventually(() => named(name).length >= count);
      return named(name) as [ReadableSpan, ...ReadableSpan[]];
    },
    tracer: trace.getTracer('test'),
    forget: () => exporter.reset(),
    shutdown: () => provider.shutdown(),
  };
}

export const traceOf = (span: ReadableSpan): string => span.spanContext().traceId;
export const idOf = (span: ReadableSpan): string => span.spanContext().spanId;
