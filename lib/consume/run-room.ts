import { settledOrAborted } from '../policy/waiting.js';
import type { Drain } from './drain.js';
import type { Handler } from './handler.js';
import type { HandlerRun } from './handler-run.js';
import { Slots } from './slots.js';

/** Who may begin: so many runs of a handler at once, and no second one of an event whose run goes on. */
export class RunRoom {
  /** Absent while the prefetch is the only limit there is. */
  private readonly slots: Slots | undefined;
  /** By event id: runs that are past their timeout and go on, or that hold the event in an inbox transaction. */
  private readonly going = new Map<string, Going>();

  constructor(
    { concurrency, prefetch, timeout }: Pick<Handler, 'concurrency' | 'prefetch' | 'timeout'>,
    private readonly drain: Pick<Drain, 'signal'>,
  ) {
    // A run past its timeout goes on when its message is settled, so that the prefetch counts it no more.
    if (concurrency < prefetch || timeout !== undefined) this.slots = new Slots(concurrency);
  }

  /** Whether runs have to be told of by `enter()`. */
  get limited(): boolean {
    return this.slots !== undefined;
  }

  /**
   * Whether a run may begin, now or after a wait for its place; not if the handler is drained meanwhile. Waits, too, for
   * an earlier run of the same event that goes on. Each `true` must be followed by one `enter()` or `leave()`.
   */
  admit(id: string): boolean | Promise<boolean> {
    const { signal } = this.drain;
    const earlier = this.going.get(id);
    if (earlier) return this.admitAfter([id], signal);
    return this.slots?.take(signal) ?? !signal.aborted;
  }

  /** The same for a run of several events. */
  admitAll(ids: readonly string[]): Promise<boolean> {
    return this.admitAfter(ids, this.drain.signal);
  }

  leave(): void {
    this.slots?.give();
  }

  /** Until the work has ended it keeps its place, and no other run of its events begins. */
  enter(ids: readonly string[], work: Promise<unknown>, run: HandlerRun): void {
    const ended = work.then(noop, noop).then(() => {
      for (const id of ids) if (this.going.get(id)?.run === run) this.going.delete(id);
      this.leave();
    });
    for (const id of ids) if (id !== '') this.going.set(id, { ended, run });
  }

  /** When the run of an event ends that is past its timeout; `undefined` if there is none. */
  overdue(id: string): Promise<void> | undefined {
    const going = this.going.get(id);
    return going?.run.abandoned ? going.ended : undefined;
  }

  private async admitAfter(ids: readonly string[], over: AbortSignal): Promise<boolean> {
    for (const id of ids) {
      const earlier = this.going.get(id);
      if (earlier) await settledOrAborted(earlier.ended, [over]);
    }
    return this.slots?.take(over) ?? !over.aborted;
  }
}

interface Going {
  readonly ended: Promise<void>;
  readonly run: HandlerRun;
}

const noop = () => undefined;
