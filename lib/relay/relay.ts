import type { Logger } from '@nestjs/common';
import type { EventPublisher } from '../broker/publisher.js';
import { BrokerUnavailableError } from '../errors/broker-unavailable.error.js';
import type { LaneSet } from '../event/lane.js';
import { UNHEARD, type Telling } from '../lifecycle/lifecycle.js';
import { settledWithin } from '../policy/deadline.js';
import type { OutboxStore, RelayAnnouncement } from '../store/store.js';
import { Attendance } from './attendance.js';
import { Bell } from './bell.js';
import { Breaker } from './breaker.js';
import { becomeReady } from './isolation.js';
import { showTimer, type JobRegistry } from './jobs.js';
import { LaneKeeper } from './lane-keeper.js';
import { Listener } from './listener.js';
import { Pass } from './pass.js';
import { Pipeline, type PipelineSettings } from './pipeline.js';
import { Rates } from './rates.js';
import { addCounts, NOTHING, type RelayCounts, type RelayReport, type RelayStats } from './relay-stats.js';
import { StatsDesk } from './stats-desk.js';

export interface RelaySettings extends PipelineSettings {
  readonly announcement: RelayAnnouncement;
  readonly wakeUp: 'auto' | 'poll';
  /** Milliseconds. */
  readonly pollInterval: number;
  /** Milliseconds after which the database frees the lanes of a process that does not move. */
  readonly idleTimeout: number;
}

/** Name of the poll in `SchedulerRegistry`. */
export const POLL_JOB = 'outbox.poll';
/** How many of the routing keys without a queue others get to see. */
const RETURNED_SHOWN = 20;
/** How long a broker may be away before others, who may reach it, get our lanes; in milliseconds. */
const BROKER_PATIENCE = 5_000;

/**
 * Publishes committed rows: read → publish → settle, all three at once, as long as there are any; then waits for a
 * wake-up or the next poll. Any number of relays may run, in any number of processes: they share the keys.
 */
export class OutboxRelay {
  private readonly breaker: Breaker;
  private readonly pipeline: Pipeline;
  private readonly keeper: LaneKeeper;
  private readonly attendance: Attendance;
  private readonly listener: Listener;
  private readonly desk: StatsDesk;
  private readonly rates = new Rates();
  /** Rung when there may be rows. */
  private readonly work = new Bell();
  /** Rung when there may be room: answers came, the broker is back, the relay was resumed, lanes were gained. */
  private readonly room = new Bell();
  private unreadySince = Number.NEGATIVE_INFINITY;
  private isPaused = false;
  private isStopped = true;
  private feeding: Promise<void> | undefined;

  constructor(
    store: OutboxStore,
    private readonly publisher: EventPublisher,
    private readonly settings: RelaySettings,
    private readonly registry: JobRegistry | undefined,
    logger: Pick<Logger, 'log' | 'warn'>,
    private readonly lifecycle: Telling = UNHEARD,
  ) {
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
    this.keeper = new LaneKeeper(store, settings.announcement, settings.idleTimeout, {
      gained: (lanes) => this.lanesGained(lanes),
      release: (lanes) => this.lanesGiven(lanes),
      isClear: (lanes) => this.pipeline.isClear(lanes),
      lost: (lanes, error) => this.lanesLost(lanes, error),
      proven: () => this.provenAgain(),
      report: () => this.report(),
    });
    this.attendance = new Attendance(this.keeper, {
      takesPart: () => this.takesPart,
      trouble: (error) => this.troubled(error),
    });
    this.listener = new Listener(store, () => this.wake(), logger);
    this.desk = new StatsDesk(store, settings.announcement.lanes);
    const hooks = {
      mayPublish: () => this.mayPublish(),
      trouble: (error: Error) => this.troubled(error),
      success: () => this.succeeded(),
      moved: () => this.room.ring(),
      readable: () => this.ringForWork(),
    };
    this.pipeline = new Pipeline(store, publisher, settings, () => this.keeper.lanes, hooks, lifecycle);
    publisher.onReadyChange(() => this.readyChanged());
  }

  /** Begins to relay. Idempotent. */
  start(): void {
    if (!this.isStopped) return;
    this.isStopped = false;
    this.attendance.begin();
    if (this.settings.wakeUp === 'auto') this.listener.start();
    // One loop, also where the last one has not noticed yet that it should have ended.
    this.feeding = (this.feeding ?? Promise.resolve()).then(() => this.feed());
  }

  /** Reads nothing more. What is on its way goes on: see `finished()`. */
  stop(): void {
    this.isStopped = true;
    this.attendance.end();
    this.halt();
  }

  /** Whether everything that was on its way has been settled within `timeout` ms after `stop()`. */
  async finished(timeout: number): Promise<boolean> {
    const inTime = await settledWithin(this.finish(), timeout);
    if (inTime) return true;
    this.pipeline.abandon();
    await Promise.all([this.keeper.abandon(), this.listener.stop()]);
    return false;
  }

  /** There may be something to publish. Cheap, and safe to call at any time. */
  wake(): void {
    this.work.ring();
  }

  /** Publishes nothing more until `resume()`, and leaves its share to other relays. What is on its way is finished. */
  pause(): void {
    if (!this.isPaused) this.lifecycle.tell('relay-paused', {});
    this.isPaused = true;
    this.halt();
  }

  resume(): void {
    if (this.isPaused) this.lifecycle.tell('relay-resumed', {});
    this.isPaused = false;
    this.attendance.lookNow();
    this.room.ring();
  }

  /**
   * Publishes and settles one batch, apart from the running loop: for tests, scripts and relays of your own. Only of the
   * lanes that no other relay holds.
   * @throws {BrokerUnavailableError} when the broker cannot be reached within `relay.publishTimeout`
   */
  runOnce(): Promise<RelayCounts> {
    return this.session(async () => (await this.runPass()).ended);
  }

  /**
   * Publishes until nothing is due and nothing is on its way. Resolves to what it did itself.
   * @throws {BrokerUnavailableError} when the broker cannot be reached within `relay.publishTimeout`, or is lost meanwhile
   */
  drain(): Promise<RelayCounts> {
    return this.session(async () => {
      let total = NOTHING;
      for (;;) {
        const pass = await this.runPass();
        const counts = await pass.ended;
        total = addCounts(total, counts);
        if (pass.error) throw pass.error;
        // Without lanes nothing is read, whatever there is: that is for whoever has them.
        const mayRead = this.pipeline.hasMore && this.keeper.lanes.size > 0;
        if (counts.claimed === 0 && this.pipeline.size === 0 && !mayRead) return total;
        await this.pipeline.quiet();
      }
    });
  }

  /** Whether this relay works all lanes: nobody else has to hear of an event. */
  get isAlone(): boolean {
    return this.keeper.lanes.isComplete;
  }

  /** What this relay has done since it was made. */
  get counts(): RelayCounts {
    return this.pipeline.counts;
  }

  /**
   * How things stand. One statement, asked for at most once a second however many ask; its counts end at 10,000 rows
   * (`countedUpTo`) and are never those of a whole table. Fresh after `runOnce()` and `drain()`.
   * Rejects when the database refuses, or does not answer.
   */
  async stats(): Promise<RelayStats> {
    const { owners, ...store } = await this.desk.read();
    const { counts, pipeline } = this;
    return {
      ...store,
      ...this.state(),
      inFlight: pipeline.size,
      counts,
      rates: this.rates.of(counts),
      returned: pipeline.returned.top(),
      owners: owners.map(({ report, ...relay }) => ({ ...relay, ...report })),
    };
  }

  /** What those who look at the table get to see of it. */
  private report(): RelayReport {
    return {
      ...this.state(),
      onDead: this.settings.onDead,
      rates: this.rates.of(this.counts),
      returned: this.pipeline.returned.top(RETURNED_SHOWN),
      clock: Date.now(),
    };
  }

  private state() {
    const { breaker, publisher } = this;
    return {
      paused: this.isPaused,
      breaker: breaker.open ? ('open' as const) : ('closed' as const),
      reason: breaker.reason ?? null,
      brokerReady: publisher.ready,
    };
  }

  /** Whether this relay is to have a share of the lanes. */
  private get takesPart(): boolean {
    if (this.isStopped || this.isPaused) return false;
    return this.publisher.ready || performance.now() - this.unreadySince < BROKER_PATIENCE;
  }

  private async feed(): Promise<void> {
    while (!this.isStopped) {
      if (this.mayFeed()) await this.feedOnce();
      else await this.room.wait(this.breaker.wait || this.settings.pollInterval);
    }
  }

  private mayFeed(): boolean {
    return this.takesPart && this.mayPublish() && this.pipeline.hasRoom && this.breaker.wait === 0;
  }

  private mayPublish(): boolean {
    return this.publisher.ready && this.keeper.lanes.size > 0 && this.isProven();
  }

  private isProven(): boolean {
    if (this.keeper.isProven) return true;
    this.attendance.lookNow();
    return false;
  }

  private async feedOnce(): Promise<void> {
    try {
      const count = await this.pipeline.feed();
      if ((count !== 0 && !this.isExhausted) || this.pipeline.hasMore) return;
      if (this.pipeline.size === 0) this.breaker.succeeded();
    } catch (error) {
      this.troubled(error as Error);
      return;
    }
    if (!this.isStopped) await this.idle();
  }

  /** Whether to read again is in vain, until somebody rings; where nobody tells us what others commit, one never knows. */
  private get isExhausted(): boolean {
    return this.pipeline.isExhausted && this.listener.isHearing;
  }

  /**
   * Waits for a wake-up, or for the next scheduled event. The poll is the backstop: it finds what nobody told us about.
   */
  private async idle(): Promise<void> {
    const { pollInterval } = this.settings;
    const wait = Math.max(1, Math.min(pollInterval, Math.ceil(this.pipeline.nextDue ?? pollInterval)));
    let hide = () => {};
    await this.work.wait(wait, (timer) => {
      hide = showTimer(this.registry, POLL_JOB, timer);
    });
    hide();
  }

  /** Lanes and a broker for as long as `work` runs, also where the loop does not run. */
  private async session<T>(work: () => Promise<T>): Promise<T> {
    await becomeReady(this.publisher, this.settings.publishTimeout);
    if (!this.publisher.ready)
      throw new BrokerUnavailableError('The broker cannot be reached, or has blocked publishing.');
    try {
      return await this.attendance.session(work);
    } finally {
      this.desk.forget();
    }
  }

  private async runPass(): Promise<Pass> {
    const pass = new Pass();
    while (this.keeper.lanes.size > 0 && (await this.pipeline.feed(pass)) === undefined);
    pass.seal();
    return pass;
  }

  /** Whoever waits for work, or for room to do it. */
  private ringForWork(): void {
    this.work.ring();
    this.room.ring();
  }

  private succeeded(): void {
    this.breaker.succeeded();
    this.rates.grown(this.counts);
  }

  private troubled(error: Error): number {
    this.breaker.failed(error.message);
    return this.breaker.wait;
  }

  private lanesGained(lanes: readonly number[]): void {
    this.lifecycle.tell('lane-gained', { lanes });
    this.pipeline.restartFromZero();
  }

  private lanesGiven(lanes: LaneSet): void {
    if (lanes.size > 0) this.lifecycle.tell('lane-lost', { lanes: [...lanes.lanes] });
    this.pipeline.release(lanes);
  }

  private lanesLost(lanes: readonly number[], error: Error): void {
    if (lanes.length > 0) this.lifecycle.tell('lane-lost', { lanes });
    this.pipeline.restart();
    this.troubled(error);
    this.attendance.lookNow();
  }

  /** What could not be sent while nobody knew whether the lanes were still ours may leave. */
  private provenAgain(): void {
    this.pipeline.pump();
    this.room.ring();
  }

  private readyChanged(): void {
    if (this.publisher.ready) this.breaker.tryNow();
    else {
      this.unreadySince = performance.now();
      this.pipeline.restart();
    }
    this.room.ring();
    this.attendance.lookNow();
    this.pipeline.pump();
  }

  private halt(): void {
    this.pipeline.restart();
    this.ringForWork();
    this.attendance.lookNow();
  }

  private async finish(): Promise<void> {
    await this.feeding;
    await this.attendance.ended();
    await this.pipeline.quiet();
    await Promise.all([this.keeper.leave(), this.listener.stop()]);
  }
}
