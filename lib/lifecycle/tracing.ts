import type { EventHeaders } from '../event/envelope.js';

/** A message in the hands of a handler, as a tracer sees it. */
export interface TracedDelivery {
  readonly id: string;
  readonly type: string;
  readonly routingKey: string;
  /** What the emitter's tracer had put into the row is among them. */
  readonly headers: EventHeaders;
  readonly attempt: number;
  readonly redelivered: boolean;
  readonly correlationId: string | undefined;
}

/** Where it is handled. */
export interface TracedHandler {
  readonly queue: string;
  /** `Class.method`. */
  readonly handler: string;
}

/** What becomes of a delivery; `consume/` says more. */
export interface TracedOutcome {
  readonly kind: string;
  readonly error?: unknown;
  /** Milliseconds until the next attempt, if there is one. */
  readonly delay?: number;
  /** Why it is a dead letter, if it is one. */
  readonly reason?: string;
}

/** What a tracer does around our work. Nothing here may fail because of it. */
export interface Tracing {
  /**
   * Around the writing of events. `work` gets the headers that carry the context to whoever handles them, and resolves
   * to the ids.
   */
  emitting(
    events: ReadonlyArray<{ readonly type: string }>,
    work: (carrier: EventHeaders) => Promise<string[]>,
  ): Promise<string[]>;

  /** Around a handler: what it does belongs to the trace that the events were emitted in. */
  handling<Outcome extends TracedOutcome>(
    deliveries: readonly TracedDelivery[],
    where: TracedHandler,
    work: () => Promise<Outcome>,
  ): Promise<Outcome>;

  /** Runs `work` so that other instrumentation, of the database driver say, records nothing of it. */
  untraced<T>(work: () => T): T;

  /** Takes an object of a library out of the hands of that library's instrumentation: we tell more of it ourselves. */
  takeOver(instrumented: object): void;
}

/** Where a tracer is put before the start, if there is one. */
export class TracingSlot {
  active: Tracing | undefined;

  untraced<T>(work: () => T): T {
    return this.active ? this.active.untraced(work) : work();
  }
}
