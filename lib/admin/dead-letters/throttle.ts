/** Lets through so many a second, evenly. */
export class Throttle {
  private next = 0;

  /** @param rate per second; `Infinity` for all at once */
  constructor(private readonly rate: number) {}

  /** How many may go at once without the rest of the second being lost to waiting. */
  get portion(): number {
    return Math.max(1, Math.floor(this.rate / 10));
  }

  /** Milliseconds until more may go. */
  get wait(): number {
    return Math.max(0, this.next - performance.now());
  }

  /** Resolves when more may go, or when the signal aborts. */
  async ready(signal?: AbortSignal): Promise<void> {
    if (this.wait > 0) await pause(this.wait, signal);
  }

  /** Resolves when `count` more may go, or when the signal aborts. */
  async take(count: number, signal?: AbortSignal): Promise<void> {
    const { wait } = this;
    this.next = performance.now() + wait + (count / this.rate) * 1_000;
    if (wait > 0) await pause(wait, signal);
  }
}

/** Ends early when the signal aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
  });
}
