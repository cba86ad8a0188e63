import type { Logger } from '@nestjs/common';
import type { EventPublisher } from '../broker/publisher.js';
import { BrokerUnavailableError } from '../errors/broker-unavailable.error.js';
import { settledWithin } from '../policy/deadline.js';
import type { EventReader, OutboxStore } from '../store/store.js';
import { processBatch, type BatchReport, type BatchSettings, type TakeTurn } from './batch.js';
import { Bell } from './bell.js';
import { Breaker } from './breaker.js';
import { becomeReady } from './isolation.js';
import type { JobRegistry } from './jobs.js';
import { BatchSizer } from './batch-sizer.js';
import { addReports, NOTHING, type RelayCounts, type RelayStats } from './relay-stats.js';

export interface RelaySettings extends BatchSettings {
  /** Milliseconds. */
  readonly pollInterval: number;
  readonly batchSize: number;
  /** Published but unconfirmed events at most. */
  readonly window: number;
}

/** Name of the poll in `SchedulerRegistry`. */
export const POLL_JOB = 'outbox.poll';
/** Batches at once: each holds a connection while the broker confirms. */
const MAX_BATCHES = 6;
/** How often every pending row is looked at again under continuous load, in milliseconds. */
const RESCAN_INTERVAL = 10_000;
/** Where the counts of `stats()` stop. */
const COUNT_LIMIT = 10_000;

/**
 * Publishes committed rows: claim → publish → settle, several batches at a time, as long as there are any; then waits
 * for a wake-up or the next poll. Any number of relays may run, in any number of processes.
 */
export class OutboxRelay {
  private readonly reader: EventReader;
  private readonly sizer: BatchSizer;
  private readonly breaker: Breaker;
  private readonly batches = new Set<Promise<void>>();
  /** Rung when there may be rows. */
  private readonly work = new Bell();
  /** Rung when there may be room: a batch has ended, the broker is back, the relay was resumed. */
  private readonly room = new Bell();
  private inFlight = 0;
  private counts: RelayCounts = NOTHING;
  private recovering = 0;
  private turn: Promise<unknown> = Promise.resolve();
  private lastScan = 0;
  private paused = false;
  private stopped = true;
  private loop: Promise<void> | undefined;

  constructor(
    private readonly store: OutboxStore,
    private readonly publisher: EventPublisher,
    private readonly settings: RelaySettings,
    private readonly registry: JobRegistry | undefined,
    logger: Pick<Logger, 'log' | 'warn'>,
  ) {
    this.reader = store.openReader();
    this.sizer = new BatchSizer(settings.batchSize);
    this.breaker = new Breaker({
      opened: (reason) => logger.warn(`Publishing pauses: ${reason}`),
      closed: () => logger.log('Publishing goes on.'),
    });
    publisher.onReadyChange(() => this.room.ring());
  }

  /** Begins to relay. Idempotent. */
  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.loop = this.run();
  }

  /** Claims nothing more. Batches in flight go on: see `finished()`. */
  stop(): void {
    this.stopped = true;
    this.work.ring();
    this.room.ring();
  }

  /** Whether everything in flight has been settled within `timeout` ms after `stop()`. */
  finished(timeout: number): Promise<boolean> {
    return settledWithin(this.finish(), timeout);
  }

  /** There may be something to publish. Cheap, and safe to call at any time. */
  wake(): void {
    this.work.ring();
  }

  /** Claims nothing until `resume()`. Batches in flight are finished. */
  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.room.ring();
  }

  /**
   * Claims and settles one batch, apart from the running loop: for tests, scripts and relays of your own.
   * @throws {BrokerUnavailableError} when the broker cannot be reached within `relay.publishTimeout`
   */
  async runOnce(): Promise<RelayCounts> {
    return addReports(NOTHING, await this.runBatch());
  }

  /** Publishes until nothing is due and nothing is in flight. Resolves to what it did itself. */
  async drain(): Promise<RelayCounts> {
    let total = NOTHING;
    for (;;) {
      const report = await this.runBatch();
      total = addReports(total, report);
      if (report?.trouble) throw report.trouble;
      if (!report && this.batches.size === 0) return total;
      if (!report) await Promise.all(this.batches);
    }
  }

  async stats(): Promise<RelayStats> {
    const store = await this.store.stats(COUNT_LIMIT);
    return {
      ...store,
      inFlight: this.inFlight,
      counts: this.counts,
      paused: this.paused,
      breaker: this.breaker.open ? 'open' : 'closed',
      brokerReady: this.publisher.ready,
    };
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      if (!this.mayClaim())
        await this.room.wait(Math.max(1, this.breaker.wait || this.settings.pollInterval));
      else if (!(await this.claimNext()) && !this.stopped) await this.idle();
    }
  }

  private mayClaim(): boolean {
    if (this.paused || this.recovering > 0 || !this.publisher.ready || this.breaker.wait > 0) return false;
    return this.batches.size < MAX_BATCHES && this.inFlight + this.sizer.size <= this.settings.window;
  }

  /** Whether there may be more to claim at once. */
  private async claimNext(): Promise<boolean> {
    if (performance.now() - this.lastScan > RESCAN_INTERVAL) this.rescan();
    try {
      const claim = await this.reader.claim(this.sizer.size);
      if (!claim) return false;
      this.sizer.learn(claim.events);
      this.dispatch(claim);
    } catch (error) {
      this.troubled(error);
    }
    return true;
  }

  private dispatch(claim: Parameters<typeof processBatch>[0]): void {
    this.inFlight += claim.events.length;
    const batch = this.process(claim).finally(() => {
      this.inFlight -= claim.events.length;
      this.batches.delete(batch);
      this.room.ring();
    });
    this.batches.add(batch);
  }

  /** Never rejects. */
  private async process(claim: Parameters<typeof processBatch>[0]): Promise<void> {
    try {
      const report = await processBatch(claim, this.publisher, this.settings, this.takeTurn);
      this.counts = addReports(this.counts, report);
      if (report.unblocked || report.unknown > 0) this.rescan();
      if (report.trouble) this.breaker.failed(report.trouble.message);
      else this.breaker.succeeded();
    } catch (error) {
      this.troubled(error);
    }
  }

  private async runBatch(): Promise<BatchReport | undefined> {
    await becomeReady(this.publisher, this.settings.publishTimeout);
    if (!this.publisher.ready)
      throw new BrokerUnavailableError('The broker cannot be reached, or has blocked publishing.');
    const claim = await this.store.openReader().claim(this.settings.batchSize);
    return claim && processBatch(claim, this.publisher, this.settings, this.takeTurn);
  }

  /** While batches take turns on a fresh channel nothing new is claimed. */
  private readonly takeTurn: TakeTurn = async (work) => {
    this.recovering++;
    const mine = this.turn.then(work, work);
    this.turn = mine.catch(() => undefined);
    try {
      return await mine;
    } finally {
      this.recovering--;
    }
  };

  private troubled(error: unknown): void {
    this.rescan();
    this.breaker.failed(error instanceof Error ? error.message : String(error));
  }

  private rescan(): void {
    this.lastScan = performance.now();
    this.reader.rewind();
    this.work.ring();
  }

  /** Waits for a wake-up. The poll is the backstop: it finds what nobody told us about, such as a dead relay's rows. */
  private async idle(): Promise<void> {
    const { registry } = this;
    const woken = await this.work.wait(this.settings.pollInterval, (timer) => {
      if (!registry?.doesExist('timeout', POLL_JOB)) registry?.addTimeout(POLL_JOB, timer);
    });
    if (registry?.doesExist('timeout', POLL_JOB)) registry.deleteTimeout(POLL_JOB);
    if (!woken) this.reader.rewind();
  }

  private async finish(): Promise<void> {
    await this.loop;
    await Promise.all(this.batches);
  }
}
