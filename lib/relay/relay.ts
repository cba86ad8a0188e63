import type { Logger } from '@nestjs/common';
import type { EventPublisher } from '../broker/publisher.js';
import { BrokerUnavailableError } from '../errors/broker-unavailable.error.js';
import { UNHEARD, type Telling } from '../lifecycle/lifecycle.js';
import { settledWithin } from '../policy/deadline.js';
import type { Claim, EventReader, OutboxStore } from '../store/store.js';
import { publishBatch, settleBatch, type BatchReport, type TakeTurn } from './batch.js';
import { tellBatch } from './batch-teller.js';
import { Bell } from './bell.js';
import { Breaker } from './breaker.js';
import { FailingKeys } from './failing-keys.js';
import { becomeReady } from './isolation.js';
import { showTimer, type JobRegistry } from './jobs.js';
import { OpenClaims } from './open-claims.js';
import { BatchSizer } from './batch-sizer.js';
import type { SettlementPolicy } from './settlement.js';
import { addReports, NOTHING, type RelayCounts, type RelayStats } from './relay-stats.js';

export interface RelaySettings extends SettlementPolicy {
  /** Milliseconds to wait for the broker's answers. */
  readonly publishTimeout: number;
  /** Milliseconds. */
  readonly pollInterval: number;
  readonly batchSize: number;
  /** Published but unconfirmed events at most. */
  readonly window: number;
}

/** Name of the poll in `SchedulerRegistry`. */
export const POLL_JOB = 'outbox.poll';
/** Batches at once, the one fetched ahead included: each holds a connection while the broker confirms. */
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
  private readonly failing = new FailingKeys();
  private readonly batches = new Set<Promise<void>>();
  private readonly claims = new OpenClaims();
  /** Rung when there may be rows. */
  private readonly work = new Bell();
  /** Rung when there may be room: a batch has ended, the broker is back, the relay was resumed. */
  private readonly room = new Bell();
  private inFlight = 0;
  private unconfirmed = 0;
  private total: RelayCounts = NOTHING;
  private recovering = 0;
  private interrupted = false;
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
    private readonly lifecycle: Telling = UNHEARD,
  ) {
    this.reader = store.openReader();
    this.sizer = new BatchSizer(settings.batchSize);
    this.breaker = new Breaker({
      opened: (reason) => {
        logger.warn(`Publishing pauses: ${reason}`);
        lifecycle.tell('breaker-opened', { reason });
      },
      closed: () => {
        logger.log('Publishing goes on.');
        lifecycle.tell('breaker-closed', {});
      },
    });
    publisher.onReadyChange(() => {
      if (publisher.ready) this.breaker.tryNow();
      else this.interrupt();
      this.room.ring();
    });
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
    if (!this.paused) this.lifecycle.tell('relay-paused', {});
    this.paused = true;
  }

  resume(): void {
    if (this.paused) this.lifecycle.tell('relay-resumed', {});
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
      if (report) continue;
      // Rows that the running loop is just claiming are in nobody's batch yet.
      await this.claims.ended();
      if (this.batches.size === 0) return total;
      await Promise.all(this.batches);
    }
  }

  /** What this relay has done since it was made, by its running loop. */
  get counts(): RelayCounts {
    return this.total;
  }

  async stats(): Promise<RelayStats> {
    const store = await this.store.stats(COUNT_LIMIT);
    return {
      ...store,
      inFlight: this.inFlight,
      counts: this.total,
      paused: this.paused,
      breaker: this.breaker.open ? 'open' : 'closed',
      brokerReady: this.publisher.ready,
    };
  }

  /** While a claim waits for room in the window, the next one is fetched already. */
  private async run(): Promise<void> {
    let ahead: Promise<Claim | undefined> | undefined;
    while (!this.stopped) {
      if (!ahead && !this.mayClaim()) {
        await this.room.wait(Math.max(1, this.breaker.wait || this.settings.pollInterval));
        continue;
      }
      const claim = await (ahead ?? this.claimNext());
      ahead = claim && this.mayClaim() ? this.claimNext() : undefined;
      if (claim) await this.dispatch(claim);
      else if (!this.stopped && !this.breaker.open) await this.idle();
    }
    await this.giveBack(await ahead);
  }

  private mayClaim(): boolean {
    return this.mayPublish() && this.breaker.wait === 0 && this.batches.size < MAX_BATCHES - 1;
  }

  private mayPublish(): boolean {
    if (this.batches.size === 0) this.interrupted = false;
    const atWork = !this.paused && !this.stopped && this.recovering === 0;
    return atWork && !this.interrupted && this.publisher.ready;
  }

  /** What was on its way has an unknown fate. Until that is settled, nothing may overtake it. */
  private interrupt(): void {
    this.interrupted = true;
    this.claims.outdate();
  }

  private async claimNext(): Promise<Claim | undefined> {
    if (performance.now() - this.lastScan > RESCAN_INTERVAL) this.rescan();
    try {
      const claim = await this.claimFrom(this.reader, this.sizer.size);
      if (claim) this.sizer.learn(claim.events);
      else this.breaker.succeeded();
      return claim;
    } catch (error) {
      this.troubled(error);
      return undefined;
    }
  }

  private claimFrom(reader: EventReader, limit: number): Promise<Claim | undefined> {
    return this.claims.make(() => reader.claim(limit));
  }

  private async giveBack(claim: Claim | undefined): Promise<void> {
    if (!claim) return;
    this.claims.end(claim);
    await claim.release();
  }

  /** Publishes the claim as soon as the window has room for it. */
  private async dispatch(claim: Claim): Promise<void> {
    const size = claim.events.length;
    while (this.mayPublish() && this.unconfirmed > 0 && this.unconfirmed + size > this.settings.window) {
      await this.room.wait(this.settings.pollInterval);
    }
    if (!this.mayPublish() || this.claims.isOutdated(claim)) {
      await this.giveBack(claim);
      return this.rescan();
    }
    this.inFlight += size;
    const batch = this.process(claim).finally(() => {
      this.inFlight -= size;
      this.batches.delete(batch);
      this.room.ring();
    });
    this.batches.add(batch);
  }

  /** Never rejects. */
  private async process(claim: Claim): Promise<void> {
    try {
      const started = performance.now();
      const report = await this.settle(claim, await this.publish(claim), started);
      this.total = addReports(this.total, report);
      if (report.unblocked || report.unknown + report.held > 0) this.rescan();
      if (report.trouble) this.breaker.failed(report.trouble.message);
      else this.breaker.succeeded();
    } catch (error) {
      this.troubled(error);
    }
  }

  /** The window has room again as soon as the answers are there; recording them does not hold up the next batch. */
  private async publish(claim: Claim): ReturnType<typeof publishBatch> {
    const { publishTimeout } = this.settings;
    this.unconfirmed += claim.events.length;
    try {
      const outcomes = publishBatch(claim, this.publisher, publishTimeout, this.failing, this.takeTurn);
      this.claims.end(claim);
      return await outcomes;
    } finally {
      this.unconfirmed -= claim.events.length;
      this.room.ring();
    }
  }

  private async settle(
    claim: Claim,
    outcomes: Awaited<ReturnType<typeof publishBatch>>,
    started: number,
  ): Promise<BatchReport> {
    const { events } = claim;
    try {
      return await settleBatch(claim, outcomes, this.settings, this.failing, (settlement) =>
        tellBatch(this.lifecycle, { events, outcomes, settlement, duration: performance.now() - started }),
      );
    } finally {
      // Open claims may have read the rows before the failures were on record.
      if (!this.failing.none) await this.claims.ended();
      this.failing.recorded(claim);
    }
  }

  private async runBatch(): Promise<BatchReport | undefined> {
    await becomeReady(this.publisher, this.settings.publishTimeout);
    if (!this.publisher.ready)
      throw new BrokerUnavailableError('The broker cannot be reached, or has blocked publishing.');
    const claim = await this.claimFrom(this.store.openReader(), this.settings.batchSize);
    const started = performance.now();
    return claim && this.settle(claim, await this.publish(claim), started);
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

  /**
   * Waits for a wake-up, or for the next scheduled event. The poll is the backstop: it finds what nobody told us about,
   * such as a dead relay's rows.
   */
  private async idle(): Promise<void> {
    const { pollInterval } = this.settings;
    const wait = Math.max(1, Math.min(pollInterval, Math.ceil(this.reader.nextDue ?? pollInterval)));
    let hide = () => {};
    const woken = await this.work.wait(wait, (timer) => {
      hide = showTimer(this.registry, POLL_JOB, timer);
    });
    hide();
    if (!woken) this.reader.rewind();
  }

  private async finish(): Promise<void> {
    await this.loop;
    await Promise.all(this.batches);
  }
}
