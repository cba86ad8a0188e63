import { diag, INVALID_SPAN_CONTEXT, trace, type Span } from '@opentelemetry/api';

/*
 * Samplers and span processors are the application's, and the SDK passes on what they throw: that must not fail an
 * `emit()`, nor leave a handled message unsettled.
 */

/** A span that records nothing where it cannot be started. */
export function startSafely(start: () => Span): Span {
  try {
    return start();
  } catch (error) {
    diag.error(
      'nestjs-rabbitmq-outbox: a span could not be started, and what it was for goes on without',
      error,
    );
    return trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
  }
}

export function endSafely(span: Span): void {
  try {
    span.end();
  } catch (error) {
    diag.error('nestjs-rabbitmq-outbox: a span could not be ended', error);
  }
}
