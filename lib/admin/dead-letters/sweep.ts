import { OutboxError } from '../../errors/outbox.error.js';
import type { Throttle } from './throttle.js';

export type SweepAction = 'requeue' | 'purge';

/** How far a requeue or a purge has come. */
export interface SweepProgress {
  /** The place it is at. */
  readonly where: string;
  /** Requeued or purged so far, in all places. */
  readonly done: number;
  readonly failed: number;
  /** Looked at in this place, and how many there were when it began. */
  readonly looked: number;
  readonly of: number;
}

/** Dead letters that could not be requeued, or a place that could not be swept to its end. They are where they were. */
export interface SweepProblem {
  readonly where: string;
  readonly error: string;
  /** Of the error, if it is an `OutboxError`. */
  readonly code: string | null;
  /** Of the first hundred. */
  readonly ids: readonly string[];
}

/** What a requeue or a purge came to. */
export interface SweepReport {
  /** Requeued or purged; with `dryRun`, how many would be. */
  readonly done: number;
  /** The same by place; only those where there were any. */
  readonly places: Readonly<Record<string, number>>;
  readonly failed: number;
  /** Were not looked at, and are where they were, for it was ended, or stopped by a problem. Of queues that it had come to. */
  readonly untried: number;
  readonly problems: readonly SweepProblem[];
  readonly dryRun: boolean;
  /** It was ended by its signal before it was through. */
  readonly cancelled: boolean;
}

export interface SweepOptions {
  /** Only tell how many there are. Default `false`. */
  dryRun?: boolean;
  /** Requeued per second at most, so that handlers and relays are not flooded. Default 1000. */
  rate?: number;
  /**
   * At most so many in each place, oldest first, and none in a place that is not named: `places` of a dry run's report.
   * Who has seen and confirmed a number does no more than that, whatever has died since. Default: all there are.
   */
  atMost?: Readonly<Record<string, number>>;
  /** Ends it; what has been done stays done, and the report tells of it. */
  signal?: AbortSignal;
  /** Called as it goes on. */
  onProgress?: (progress: SweepProgress) => void;
}

const MOST_IDS = 100;

/** One requeue or purge under way: keeps the books, and tells of what has been done. */
export class Sweep {
  private readonly places = new Map<string, number>();
  private readonly problems = new Map<string, SweepProblem & { ids: string[] }>();
  private failed = 0;
  private untried = 0;

  constructor(
    readonly action: SweepAction,
    readonly throttle: Throttle,
    private readonly options: Pick<SweepOptions, 'atMost' | 'signal' | 'onProgress'>,
    private readonly tell: (done: { where: string; count: number; ids: readonly string[] }) => void,
  ) {}

  get signal(): AbortSignal | undefined {
    return this.options.signal;
  }

  get cancelled(): boolean {
    return this.signal?.aborted ?? false;
  }

  /** How many more may be requeued or purged here. */
  room(where: string): number {
    const { atMost } = this.options;
    return atMost ? (atMost[where] ?? 0) - (this.places.get(where) ?? 0) : Infinity;
  }

  /** These have been requeued or purged. `ids` are empty in a dry run. */
  done(where: string, ids: readonly string[], count = ids.length): void {
    if (count === 0) return;
    this.places.set(where, (this.places.get(where) ?? 0) + count);
    this.tell({ where, count, ids });
  }

  /** These could not be; without ids, the place could not be swept any further. */
  problem(where: string, error: unknown, ids: readonly string[] = []): void {
    const text = error instanceof Error ? error.message : String(error);
    const code = error instanceof OutboxError ? error.code : null;
    const known = this.problems.get(`${where}\n${text}`) ?? { where, error: text, code, ids: [] };
    known.ids.push(...ids.slice(0, MOST_IDS - known.ids.length));
    this.problems.set(`${where}\n${text}`, known);
    this.failed += ids.length;
  }

  /** These were there, and it stopped before it came to them. */
  stoppedBefore(count: number): void {
    this.untried += count;
  }

  progress(where: string, looked: number, of: number): void {
    const { failed } = this;
    this.options.onProgress?.({ where, done: this.total(), failed, looked, of });
  }

  report(dryRun: boolean): SweepReport {
    return {
      done: this.total(),
      places: Object.fromEntries(this.places),
      failed: this.failed,
      untried: this.untried,
      problems: [...this.problems.values()],
      dryRun,
      cancelled: this.cancelled,
    };
  }

  private total(): number {
    return [...this.places.values()].reduce((sum, count) => sum + count, 0);
  }
}
