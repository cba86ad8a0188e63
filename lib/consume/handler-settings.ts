import type { HandlerInbox } from '../options/inbox.js';
import type { RetryPolicy } from '../policy/retry.js';
import { assertFits, batchSettings, prefetchFor, type BatchSettings } from './batch/batch-options.js';
import * as check from './handler-checks.js';
import type { Handler } from './handler.js';
import type { OnEventOptions } from './on-event.decorator.js';

/** How handlers consume that do not say otherwise. */
export interface ConsumerDefaults {
  readonly prefetch: number;
  readonly retry: RetryPolicy;
  readonly inbox: HandlerInbox | undefined;
  /** Milliseconds. */
  readonly timeout?: number | undefined;
}

export interface HandlerSettings extends Pick<Handler, keyof ConsumerDefaults | 'concurrency'> {
  readonly batch: BatchSettings | undefined;
}

/**
 * How one handler consumes: as its own options say, else as the module's.
 * @throws {InvalidHandlerError} for an option that is wrong
 */
export function handlerSettings(
  handler: string,
  options: OnEventOptions,
  defaults: ConsumerDefaults,
): HandlerSettings {
  const batch = batchSettings(handler, options.batch);
  const usual = prefetchFor(batch, defaults.prefetch);
  const prefetch = check.prefetch(handler, options.prefetch ?? usual);
  assertFits(handler, batch, prefetch);
  return {
    batch,
    prefetch,
    concurrency: check.concurrency(handler, options.concurrency, prefetch),
    timeout: options.timeout === undefined ? defaults.timeout : check.timeout(handler, options.timeout),
    inbox: options.inbox === undefined ? defaults.inbox : check.inbox(handler, options.inbox),
    retry: options.retry === undefined ? defaults.retry : check.retry(handler, options.retry),
  };
}
