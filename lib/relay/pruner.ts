import type { Logger } from '@nestjs/common';
import type { Telling } from '../lifecycle/lifecycle.js';
import type { OutboxStore } from '../store/store.js';
import { Job, type JobRegistry } from './jobs.js';

/** Name of the job in `SchedulerRegistry`. */
export const PRUNE_JOB = 'outbox.prune';
/** Rows per transaction: short enough to hold up nobody. */
const BATCH = 5_000;
const LONGEST_INTERVAL = 60_000;

/** Removes published rows that outlived their retention, in bounded batches, each in a transaction of its own. */
export function createPruner(
  store: Pick<OutboxStore, 'prune'>,
  retention: number,
  registry: JobRegistry | undefined,
  logger: Pick<Logger, 'warn'>,
  lifecycle: Telling,
): Job {
  const interval = Math.max(1_000, Math.min(LONGEST_INTERVAL, retention / 10));
  const prune = async (stopping: AbortSignal) => {
    try {
      for await (const count of store.prune(retention, BATCH)) {
        if (count > 0) lifecycle.tell('pruned', { count });
        if (stopping.aborted) return;
      }
    } catch (error) {
      logger.warn(
        `Published events could not be pruned, tried again in ${interval} ms: ${(error as Error).message}`,
      );
    }
  };
  return new Job(PRUNE_JOB, () => interval, prune, registry);
}
