import type { RetryPolicy } from '../policy/retry.js';
import type { EventContext } from './event-context.js';
import type { PayloadForm } from './payload/payload-shape.js';

/** Runs the user's method in Nest's pipeline. Rejects with the error that counts for the outcome. */
export type Invoke = (payload: unknown, context: EventContext) => Promise<void>;

/** A registered `@OnEvent()` method. */
export interface Handler {
  /** `Class.method`, for logs and errors. */
  readonly name: string;
  readonly queue: string;
  readonly patterns: readonly string[];
  readonly prefetch: number;
  /** How many of its runs there are at once, at most. */
  readonly concurrency: number;
  /** Milliseconds that a run may take; `undefined` for as long as it likes. */
  readonly timeout: number | undefined;
  readonly retry: RetryPolicy;
  /** What it wants of the body. */
  readonly form: PayloadForm;
  readonly invoke: Invoke;
}

/** A queue and the handlers that share it; no event is for two of them. */
export interface HandlerQueue {
  readonly name: string;
  readonly handlers: readonly Handler[];
}

export function handlerQueues(handlers: readonly Handler[]): HandlerQueue[] {
  const names = [...new Set(handlers.map(({ queue }) => queue))];
  return names.map((name) => ({ name, handlers: handlers.filter(({ queue }) => queue === name) }));
}
