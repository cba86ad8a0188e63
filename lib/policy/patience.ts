import { backoffDelay, type Backoff } from './backoff.js';
import { sleep } from './waiting.js';

/**
 * Random, so that what fails together does not try again together: a copy that cannot get where it belongs can take the
 * channel down, and with it those that are on their way at the same moment.
 */
const BACKOFF: Backoff = { delay: 200, factor: 2, maxDelay: 10_000, jitter: 'full' };

/**
 * Repeats what has to succeed until it does. Resolves to `undefined` if a signal aborts first.
 * @param failed told of each failure
 */
export async function patiently<T>(
  work: () => Promise<T>,
  over: readonly AbortSignal[],
  failed: (error: unknown) => void,
): Promise<{ readonly value: T } | undefined> {
  for (let attempt = 1; !over.some(({ aborted }) => aborted); attempt++) {
    try {
      return { value: await work() };
    } catch (error) {
      failed(error);
      await sleep(backoffDelay(BACKOFF, attempt), over);
    }
  }
  return undefined;
}
