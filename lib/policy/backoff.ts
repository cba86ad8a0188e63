/** How attempts are spaced out. All times in milliseconds. */
export interface Backoff {
  readonly delay: number;
  readonly factor: number;
  readonly maxDelay: number;
  readonly jitter: Jitter;
}

/**
 * `'none'`: the full delay. `'equal'`: half of it fixed, half random. `'full'`: anything up to it. Randomness keeps
 * many failing events, or many processes, from coming back at the same instant.
 */
export type Jitter = 'none' | 'equal' | 'full';

/** Milliseconds to wait after the `attempt`-th failed attempt (1 = the first). */
export function backoffDelay(backoff: Backoff, attempt: number, random: () => number = Math.random): number {
  const full = Math.min(backoff.maxDelay, backoff.delay * backoff.factor ** (attempt - 1));
  if (backoff.jitter === 'none') return Math.round(full);
  if (backoff.jitter === 'full') return Math.round(full * random());
  return Math.round(full / 2 + (full / 2) * random());
}
