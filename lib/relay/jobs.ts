import type { SchedulerRegistry } from '@nestjs/schedule';

/** The part of `SchedulerRegistry` jobs are shown in. */
export type JobRegistry = Pick<
  SchedulerRegistry,
  'doesExist' | 'addTimeout' | 'getTimeout' | 'deleteTimeout'
>;

/**
 * Shows a waiting timer under a name; the function that is returned takes it away again. Of two outboxes in one
 * application the first to wait is shown, and neither touches the other's timer: deleting ends it.
 */
export function showTimer(
  registry: JobRegistry | undefined,
  name: string,
  timer: NodeJS.Timeout,
): () => void {
  if (!registry || registry.doesExist('timeout', name)) return () => undefined;
  registry.addTimeout(name, timer);
  return () => {
    const isOurs = registry.doesExist('timeout', name) && registry.getTimeout(name) === timer;
    if (isOurs) registry.deleteTimeout(name);
  };
}

/**
 * A job that runs again some time after each run has ended, visible as a timeout in `SchedulerRegistry` while it waits.
 * Timers are chained, so runs never overlap. Deleting it from the registry ends it until it is triggered again.
 */
export class Job {
  private timer: NodeJS.Timeout | undefined;
  private hide: () => void = () => undefined;
  private running: Promise<void> | undefined;
  private stopping = new AbortController();

  constructor(
    private readonly name: string,
    private readonly interval: () => number,
    private readonly work: (stopping: AbortSignal) => Promise<void>,
    private readonly registry: JobRegistry | undefined,
  ) {}

  start(): void {
    this.stopping = new AbortController();
    this.schedule(0);
  }

  /** No further run begins; resolves when a run in progress has ended. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.clear();
    await this.running;
  }

  private schedule(delay: number): void {
    if (this.stopping.signal.aborted) return;
    this.timer = setTimeout(() => this.run(), delay);
    this.hide = showTimer(this.registry, this.name, this.timer);
  }

  private run(): void {
    this.clear();
    this.running = this.work(this.stopping.signal).finally(() => {
      this.running = undefined;
      this.schedule(this.interval());
    });
  }

  private clear(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.hide();
  }
}

/** The registry as one of several outboxes of an application shows its jobs in it: `outbox.poll` as `outbox.<name>.poll`. */
export function namedRegistry(registry: JobRegistry, name: string): JobRegistry {
  const named = (job: string) => job.replace('outbox.', `outbox.${name}.`);
  return {
    doesExist: (type, job) => registry.doesExist(type, named(job)),
    addTimeout: (job, timer) => registry.addTimeout(named(job), timer as never),
    getTimeout: (job) => registry.getTimeout(named(job)),
    deleteTimeout: (job) => registry.deleteTimeout(named(job)),
  };
}
