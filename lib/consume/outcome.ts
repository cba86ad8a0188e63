import { HandlerTimeoutError } from '../errors/handler-timeout.error.js';
import { InvalidMessageError } from '../errors/invalid-message.error.js';
import { UndecodableMessageError } from '../errors/undecodable-message.error.js';
import { milliseconds } from '../policy/duration.js';
import { ladderDelay, LONGEST_DELAY, nextDelay, refusesRetry, type RetryPolicy } from '../policy/retry.js';
import { Abort, Reject, Retry } from './signals.js';

/** What becomes of a message after an attempt to handle it. */
export type Outcome =
  | { readonly kind: 'handled' }
  /** Handled before, as the inbox knows. */
  | { readonly kind: 'duplicate' }
  /** No attempt at all: it never began, and goes back. */
  | { readonly kind: 'released' }
  | { readonly kind: 'aborted'; readonly error: unknown }
  | { readonly kind: 'retry'; readonly delay: number; readonly error: unknown }
  | { readonly kind: 'dead'; readonly reason: DeathReason; readonly error: unknown };

/** An outcome that settles the message. */
export type Settled = Exclude<Outcome, { readonly kind: 'released' }>;

/** Refused for good; or no delay is left; or no handler is for it. */
export type DeathReason = 'rejected' | 'exhausted' | 'unmatched';

/** The wait for `throw new Retry()` when the policy has no delay left to take. */
export const RETRY_DELAY = 1_000;

/** Decides by classes and status codes, never by message texts. `attempt` 1 = the first. Never throws. */
export function outcomeOf(error: unknown, attempt: number, policy: RetryPolicy): Outcome {
  try {
    if (is(error, Abort)) return { kind: 'aborted', error };
    if (is(error, Retry)) return { kind: 'retry', delay: askedDelay(error, attempt, policy), error };
    if (isFinal(error)) return { kind: 'dead', reason: 'rejected', error };
  } catch {
    // What was thrown throws again when it is looked at: an error like any other.
  }
  if (refusesRetry(policy, error)) return { kind: 'dead', reason: 'rejected', error };
  const delay = nextDelay(policy, attempt);
  return delay === undefined ? { kind: 'dead', reason: 'exhausted', error } : { kind: 'retry', delay, error };
}

/**
 * Whether what failed may well succeed in a moment. Not what asked for a wait itself, nor a run past its timeout, which may
 * still go on.
 */
export function isPassing(error: unknown, outcome: Outcome): boolean {
  const isFailure = outcome.kind === 'retry' || (outcome.kind === 'dead' && outcome.reason === 'exhausted');
  return isFailure && !(error instanceof HandlerTimeoutError) && !askedForIt(error);
}

function askedForIt(error: unknown): boolean {
  try {
    return is(error, Retry);
  } catch {
    // What was thrown throws again when it is looked at.
    return false;
  }
}

/** No further attempt can cure these: the message itself is wrong. */
function isFinal(error: unknown): boolean {
  return (
    is(error, Reject) ||
    error instanceof UndecodableMessageError ||
    error instanceof InvalidMessageError ||
    isClientError(error) ||
    isValidationError(error)
  );
}

/** A 4xx `HttpException`, which is what Nest's pipes and guards throw. By shape, so that copies of Nest agree. */
function isClientError(error: unknown): boolean {
  if (!(error instanceof Error) || !('getStatus' in error) || typeof error.getStatus !== 'function')
    return false;
  const status: unknown = error.getStatus();
  return typeof status === 'number' && status >= 400 && status < 500;
}

/** class-validator rejects with a non-empty array of its `ValidationError`s; zod and others name their error so. */
function isValidationError(error: unknown): boolean {
  if (Array.isArray(error)) return error.length > 0 && error.every(isClassValidatorError);
  return error instanceof Error && (error.name === 'ValidationError' || error.name === 'ZodError');
}

const isClassValidatorError = (item: unknown) =>
  typeof item === 'object' &&
  item !== null &&
  'property' in item &&
  ('constraints' in item || 'children' in item);

function askedDelay({ delay }: Retry, attempt: number, policy: RetryPolicy): number {
  if (delay === undefined) return nextDelay(policy, attempt) ?? RETRY_DELAY;
  try {
    return Math.min(LONGEST_DELAY, ladderDelay(milliseconds(delay)));
  } catch {
    return RETRY_DELAY;
  }
}

type SignalClass<T> = new (...args: never[]) => T;

/** By name as well as by class: an application may hold two copies of this library. */
function is<T extends Error>(error: unknown, signal: SignalClass<T>): error is T {
  return error instanceof signal || (error instanceof Error && error.name === signal.name);
}
