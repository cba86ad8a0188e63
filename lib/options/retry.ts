import { z } from 'zod';
import { backoffDelay } from '../policy/backoff.js';
import { milliseconds, type Duration } from '../policy/duration.js';
import { ladderDelay, LONGEST_DELAY, type RetryPolicy } from '../policy/retry.js';
import type { RetryOptions } from './options.js';

const RULE =
  "must be a list of delays such as ['1s', '10s'], false, { delays, immediate, retryIf }, or " +
  '{ attempts: 1–1000, backoff: { delay, factor: 1–10, maxDelay, jitter }, immediate: 0–10, retryIf }';

/** Reads the forms of `RetryOptions` into the one form the delivery pipeline knows. */
export const retrySchema = z.custom<RetryOptions>().transform((value, context): RetryPolicy => {
  try {
    return Object.freeze(resolveRetry(value));
  } catch (error) {
    const message = error instanceof RangeError ? `${RULE}; a delay ${error.message}` : RULE;
    context.issues.push({ code: 'custom', message, input: value });
    return z.NEVER;
  }
});

/** @throws for anything that is not one of the forms of `RetryOptions`. */
export function resolveRetry(options: RetryOptions): RetryPolicy {
  if (options === false) return { delays: [] };
  if (isDelayList(options)) return { delays: options.map(retryDelay) };
  if (typeof options !== 'object' || options === null) throw new TypeError(RULE);
  assertKnown(options, ['attempts', 'backoff', 'delays', 'immediate', 'retryIf']);
  const { immediate = 0, retryIf } = options;
  if (retryIf !== undefined && typeof retryIf !== 'function') throw new TypeError(RULE);
  if (!Number.isInteger(immediate) || !within(immediate, 0, 10)) throw new TypeError(RULE);
  const waits = options.delays ? { delays: listedDelays(options) } : backoffDelays(options);
  return { ...waits, ...(immediate > 0 && { immediate }), ...(retryIf && { retryIf }) };
}

type RetryRule = Exclude<RetryOptions, readonly unknown[] | false>;

function listedDelays({ delays = [], attempts, backoff }: RetryRule): number[] {
  if (attempts !== undefined || backoff !== undefined) throw new TypeError(RULE);
  return delays.map(retryDelay);
}

function retryDelay(delay: Duration): number {
  const ms = milliseconds(delay);
  if (ms > LONGEST_DELAY) throw new RangeError('must be at most 30 days');
  return ms;
}

function backoffDelays({ attempts = 5, backoff = {} }: RetryRule): Pick<RetryPolicy, 'delays' | 'jitter'> {
  assertKnown(backoff, ['delay', 'factor', 'maxDelay', 'jitter']);
  const { delay = '1s', factor = 2, maxDelay = '5m', jitter = 'none' } = backoff;
  if (!['none', 'equal', 'full'].includes(jitter)) throw new TypeError(RULE);
  if (!Number.isInteger(attempts) || !within(attempts, 1, 1_000)) throw new TypeError(RULE);
  if (typeof factor !== 'number' || !within(factor, 1, 10)) throw new TypeError(RULE);
  const resolved = {
    delay: milliseconds(delay),
    factor,
    maxDelay: retryDelay(maxDelay),
    // Of when an event fails, not of now.
    jitter: 'none' as const,
  };
  if (resolved.delay > resolved.maxDelay) throw new RangeError(`must be at most maxDelay (${maxDelay})`);
  const delays = Array.from({ length: attempts - 1 }, (_, index) =>
    ladderDelay(backoffDelay(resolved, index + 1)),
  );
  return { delays, ...(jitter !== 'none' && { jitter }) };
}

const within = (value: number, least: number, most: number) => value >= least && value <= most;

function assertKnown(value: object, known: readonly string[]): void {
  if (Object.keys(value).some((key) => !known.includes(key))) throw new TypeError(RULE);
}

const isDelayList = (options: RetryOptions): options is readonly (number | string)[] =>
  Array.isArray(options);
