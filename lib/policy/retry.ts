import type { Jitter } from './backoff.js';

/** When a handler's failure is tried again. Resolved form: see `ConsumersOptions.retry` for what users write. */
export interface RetryPolicy {
  /** Milliseconds before the second, third, … attempt; when used up, the message is a dead letter. */
  readonly delays: readonly number[];
  /** How much of each delay is left to chance. Default `'none'`. */
  readonly jitter?: Jitter;
  /** How often a failed run is repeated at once, in place, before it counts as an attempt. Default 0. */
  readonly immediate?: number;
  /** `false` for an error that no further attempt can cure. A throwing `retryIf` counts as `true`. */
  readonly retryIf?: (error: unknown) => boolean;
}

/** The wait before the next attempt, or `undefined` when there is none left. `attempt` 1 = the first. */
export function nextDelay(
  { delays, jitter = 'none' }: RetryPolicy,
  attempt: number,
  random: () => number = Math.random,
): number | undefined {
  const longest = delays[attempt - 1];
  if (longest === undefined || jitter === 'none') return longest;
  const least = shortest(longest, jitter);
  const chosen = least + (longest - least) * random();
  const distance = (step: number) => Math.abs(step - chosen);
  return steps(longest, jitter).reduce((nearest, step) =>
    distance(step) <= distance(nearest) ? step : nearest,
  );
}

/** Every delay that the policy may ask for, in milliseconds: so many queues it needs. */
export function possibleDelays({ delays, jitter = 'none' }: RetryPolicy): number[] {
  return [...new Set(delays.flatMap((longest) => steps(longest, jitter)))];
}

/** What chance has to choose from, ascending: every distinct delay is a queue on the broker. */
function steps(longest: number, jitter: Jitter): number[] {
  const least = shortest(longest, jitter);
  return [...LADDER.filter((step) => step >= least && step < longest), longest];
}

const shortest = (longest: number, jitter: Jitter): number =>
  ({ none: longest, equal: longest / 2, full: 0 })[jitter];

/** Whether the policy's `retryIf` refuses the error. A user's hook that throws never wedges a message. */
export function refusesRetry(policy: RetryPolicy, error: unknown): boolean {
  try {
    return policy.retryIf?.(error) === false;
  } catch {
    return false;
  }
}

const LADDER_STEPS = [1, 2, 3, 5, 10, 15, 20, 30];
const LADDER = [
  ...[100, 200, 500],
  ...LADDER_STEPS.map((n) => n * 1_000),
  ...LADDER_STEPS.map((n) => n * 60_000),
  ...[1, 2, 3, 6, 12].map((n) => n * 3_600_000),
  ...[1, 2, 3, 7, 14, 30].map((n) => n * 86_400_000),
];

/** Milliseconds. RabbitMQ's longest TTL is 2³² − 1 ms, not quite 50 days. */
export const LONGEST_DELAY = 30 * 86_400_000;

/** Rounds any delay up to one of few steps, because every distinct delay is a queue on the broker. */
export function ladderDelay(ms: number): number {
  return LADDER.find((step) => step >= ms) ?? Math.ceil(ms / 86_400_000) * 86_400_000;
}
