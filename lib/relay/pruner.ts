import type { Logger } from '@nestjs/common';
import type { Telling } from '../lifecycle/lifecycle.js';
import type { OutboxStore } from '../store/store.js';
import { Job, type JobRegistry } from './jobs.js';

/** Name of the job in `SchedulerRegistry`. */
export const PRUNE_JOB = 'outbox.prune';
/** Rows per transaction: short enough to hold up nobody. */
const BATCH = 5_000;
const LONGEST_INTERVAL = 60_000;
/**
 * Steps in a row that may find nothing. Behind them come rows that stay, such as those of a backlog that is older than the
 * retention: to walk through millions of them every time would slow down their publishing.
 */
const MOST_IN_VAIN = 20;

/** What is removed when it outlived its retention, in bounded batches, each in a transaction of its own. */
export interface Pruning {
  /** Name of the job in `SchedulerRegistry`. */
  readonly job: string;
  /** What it is, for the log. */
  readonly what: string;
  readonly prune: OutboxStore['prune'];
  readonly pruned?: (count: number) => void;
}

/** Published rows of the outbox. */
export const publishedEvents = (store: Pick<OutboxStore, 'prune'>, lifecycle: Telling): Pruning => ({
  job: PRUNE_JOB,
  what: 'Published events',
  prune: (retention, limit, stopping) => store.prune(retention, limit, stopping),
  pruned: (count) => lifecycle.tell('pruned', { count }),
});

export function createPruner(
  { job, what, prune: steps, pruned }: Pruning,
  retention: number,
  registry: JobRegistry | undefined,
  logger: Pick<Logger, 'warn'>,
): Job {
  const interval = Math.max(1_000, Math.min(LONGEST_INTERVAL, retention / 10));
  const prune = async (stopping: AbortSignal) => {
    let inVain = 0;
    try {
      for await (const count of steps(retention, BATCH, stopping)) {
        if (count > 0) pruned?.(count);
        inVain = count > 0 ? 0 : inVain + 1;
        if (stopping.aborted || inVain === MOST_IN_VAIN) return;
      }
    } catch (error) {
      if (stopping.aborted) return;
      logger.warn(`${what} could not be pruned, tried again in ${interval} ms: ${(error as Error).message}`);
    }
  };
  return new Job(job, () => interval, prune, registry);
}
