import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Link, type Tracer } from '@opentelemetry/api';
import type { RelayedEvent } from '../../lifecycle/messages.js';
import type { ObservedOutbox } from '../observed-outbox.js';
import { sampledSpan } from './context-carrier.js';

/** A batch that is settled, as the lifecycle tells of it. */
interface Batch {
  readonly events: readonly RelayedEvent[];
  readonly duration: number;
}

/**
 * *send* spans of the relay: one for each batch, linked to where its events were emitted. They are told of when they are
 * over, so that a relay that nobody traces knows nothing of them.
 */
export class SendSpans {
  private readonly tracer: Tracer = trace.getTracer('nestjs-rabbitmq-outbox');
  private readonly stops: Array<() => void> = [];

  constructor(private readonly outbox: Pick<ObservedOutbox, 'name' | 'exchange' | 'lifecycle'>) {}

  start(): void {
    const { lifecycle } = this.outbox;
    this.stops.push(
      lifecycle.listen('published', (batch) => this.span(batch)),
      lifecycle.listen('publish-failed', (batch) => this.span(batch, batch.events[0]?.error)),
    );
  }

  stop(): void {
    for (const stop of this.stops.splice(0)) stop();
  }

  /** A batch nothing of which is sampled leaves none: there would be nothing to link it to. */
  private span({ events, duration }: Batch, error?: string): void {
    const links = events.flatMap(linkTo);
    if (links.length === 0) return;
    const { name, exchange } = this.outbox;
    const end = Date.now();
    const span = this.tracer.startSpan(
      `send ${exchange}`,
      {
        kind: SpanKind.CLIENT,
        startTime: end - duration,
        links,
        attributes: {
          'messaging.system': 'rabbitmq',
          'messaging.operation.name': 'send',
          'messaging.operation.type': 'send',
          'messaging.destination.name': exchange,
          'messaging.batch.message_count': events.length,
          'outbox.name': name,
        },
      },
      ROOT_CONTEXT,
    );
    if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
    span.end(end);
  }
}

/** To the sampled ones. */
function linkTo({ id, attempt, traceparent }: RelayedEvent): Link[] {
  const context = sampledSpan(traceparent);
  return context ? [{ context, attributes: { 'messaging.message.id': id, 'outbox.attempt': attempt } }] : [];
}
