import type { EventPublisher, PublishOutcome } from '../broker/publisher.js';
import type { LaneSet } from '../event/lane.js';
import type { Telling } from '../lifecycle/lifecycle.js';
import type { OutboxStore } from '../store/store.js';
import type { Entry } from './entry.js';
import { Feeder } from './feeder.js';
import { isLostToPoison, isolate } from './isolation.js';
import type { Pass } from './pass.js';
import { Tally, type RelayCounts } from './relay-stats.js';
import { ReturnedKeys } from './returned-keys.js';
import { verdictOf, type SettlementPolicy } from './settlement.js';
import { tellSettled } from './settled-teller.js';
import { Settler, type Settled } from './settler.js';
import { Stream, type StreamSettings } from './stream.js';

export interface PipelineSettings extends SettlementPolicy, StreamSettings {
  readonly batchSize: number;
  readonly onDead: 'park' | 'continue';
}

export interface PipelineHooks {
  /** Whether publishing makes sense this moment. */
  mayPublish(): boolean;
  /** Database or broker did not do what was asked. Yields the ms to wait before the next try. */
  trouble(error: Error): number;
  /** Events are published and on record. */
  success(): void;
  /** There may be room for more. */
  moved(): void;
  /** There is something to read that nobody rings for. */
  readable(): void;
}

/** The way of an event: read, published, answered, recorded. */
export class Pipeline {
  private readonly stream: Stream;
  private readonly settler: Settler;
  private readonly feeder: Feeder;
  /** Lost with their channel, which died of one of them. */
  private suspects: Array<{ readonly entry: Entry; readonly outcome: PublishOutcome }> = [];
  /** Some events have an unknown fate: nothing is read or published until all have an answer. */
  private interruption: Error | undefined;
  private isIsolating = false;
  private lost = 0;
  private readonly whenQuiet: Array<() => void> = [];
  private readonly tally = new Tally();
  /** What no queue was bound for. */
  readonly returned = new ReturnedKeys();

  constructor(
    store: Pick<OutboxStore, 'openReader' | 'settle'>,
    private readonly publisher: EventPublisher,
    private readonly settings: PipelineSettings,
    lanes: () => LaneSet,
    private readonly hooks: PipelineHooks,
    private readonly lifecycle: Telling,
  ) {
    this.stream = new Stream(publisher, settings, {
      mayPublish: () => !this.isInterrupted && hooks.mayPublish(),
      answered: (entry, outcome) => this.answered(entry, outcome),
      moved: () => this.tellMoved(),
    });
    this.settler = new Settler(store, settings.batchSize, {
      recorded: (settled, unchanged) => this.feeder.afterReads(() => this.recorded(settled, unchanged)),
      failed: (error) => hooks.trouble(error),
    });
    this.feeder = new Feeder(store.openReader(), this.stream, lanes, settings.batchSize);
  }

  /** What has become of events since this was made. */
  get counts(): RelayCounts {
    return this.tally.counts;
  }

  /** Events between the table and their outcome on record. */
  get size(): number {
    return this.stream.size;
  }

  get nextDue(): number | undefined {
    return this.feeder.nextDue;
  }

  /** Whether more may be read. */
  get hasRoom(): boolean {
    return !this.isInterrupted && !this.stream.isFull;
  }

  /** Whether it is in vain to read again until somebody rings: the last read has found all there was. */
  get isExhausted(): boolean {
    return this.feeder.isExhausted && !this.hasMore;
  }

  /** Whether there is something to read that nobody rings for. */
  get hasMore(): boolean {
    return this.stream.wanted !== undefined;
  }

  /** Reads once. Resolves to the number of events that were read; to `undefined` if it was in vain. */
  feed(pass?: Pass): Promise<number | undefined> {
    return this.feeder.feed(pass);
  }

  /** Publishes what could not be published a moment ago. */
  pump(): void {
    this.stream.pump();
  }

  /** Gives up what has not been sent; it is read again. */
  restart(): void {
    this.feeder.restart();
    this.hooks.readable();
  }

  /** Reads everything again: there are new lanes. */
  restartFromZero(): void {
    this.feeder.restartFromZero();
    this.hooks.readable();
  }

  /** Gives up what has not been sent of these lanes: it is somebody else's. */
  release(lanes: LaneSet): void {
    this.stream.clear((slot) => lanes.has(slot));
  }

  /** Whether nothing of these lanes is on its way or unrecorded. */
  isClear(lanes: LaneSet): boolean {
    return !this.stream.has(({ slot }) => lanes.has(slot));
  }

  /** Resolves when everything that is in memory has been recorded or given up. */
  async quiet(): Promise<void> {
    while (this.size > 0) {
      if (this.stream.sent === 0) await this.settler.flush();
      if (this.size > 0) await new Promise<void>((resolve) => this.whenQuiet.push(resolve));
    }
  }

  /** Whatever is not recorded by now is left to others. */
  abandon(): void {
    this.settler.stop();
    this.restart();
  }

  private get isInterrupted(): boolean {
    return this.interruption !== undefined || this.isIsolating || this.suspects.length > 0;
  }

  private answered(entry: Entry, outcome: PublishOutcome): void {
    if (isLostToPoison(outcome)) this.suspects.push({ entry, outcome });
    else this.conclude(entry, outcome);
    if (this.stream.sent === 0) this.allAnswered();
  }

  private conclude(entry: Entry, outcome: PublishOutcome): void {
    const verdict = verdictOf(entry.event, outcome, this.settings);
    if (verdict.kind === 'unknown') return this.lose(entry, verdict.error);
    const isThrough = verdict.kind === 'published' || verdict.kind === 'returned';
    if (!isThrough) this.stream.failed(entry);
    // What waits for an event that had failed waits in the table, which lets it go when this one is on record.
    else if (!entry.event.hasFailed) this.stream.passed(entry);
    this.settler.add({ entry, verdict, isReturned: outcome.kind === 'returned' });
  }

  /** Nobody knows whether it is published: it is read again, and so is everything behind it. */
  private lose(entry: Entry, error: Error): void {
    this.interruption ??= error;
    this.tally.add('unknown');
    this.lost++;
    this.feeder.missed(this.stream.giveUp(entry));
    entry.pass?.settled({ kind: 'unknown', error });
  }

  /** Nothing is on its way. */
  private allAnswered(): void {
    if (this.isIsolating) return;
    if (this.suspects.length > 0) void this.findPoison();
    else if (this.interruption) this.recover(this.interruption);
    else void this.settler.flush();
    this.tellQuiet();
  }

  private recover(error: Error): void {
    this.interruption = undefined;
    this.lifecycle.tell('batch-settled', { published: 0, failed: 0, unknown: this.lost, duration: 0 });
    this.lost = 0;
    this.restart();
    this.hooks.trouble(error);
  }

  private async findPoison(): Promise<void> {
    this.isIsolating = true;
    const suspects = this.suspects.splice(0);
    const cause = suspects[0]?.outcome as PublishOutcome;
    const events = suspects.map(({ entry }) => entry.event);
    const outcomes = await isolate(this.publisher, events, cause, this.settings.publishTimeout);
    suspects.forEach(({ entry }, index) => this.conclude(entry, outcomes[index] as PublishOutcome));
    this.isIsolating = false;
    this.allAnswered();
    this.stream.pump();
    this.tellMoved();
  }

  private recorded(settled: readonly Settled[], unchanged: readonly number[]): void {
    for (const { entry, verdict, isReturned } of settled) {
      this.tally.add(verdict.kind);
      if (isReturned) this.returned.add(entry.event);
      this.stream.forget(entry);
      if (verdict.kind === 'published' || verdict.kind === 'returned') {
        if (entry.event.hasFailed) this.stream.passed(entry);
      } else {
        const isOver = verdict.kind === 'dead' && this.settings.onDead === 'continue';
        // Of a row that is not as it was we do not know whether its key waits: the table does, and is asked.
        this.stream.failureRecorded(entry, isOver || unchanged.includes(entry.event.seq));
      }
      entry.pass?.settled(verdict);
    }
    // When the next attempt is due, the next read tells.
    if (settled.some(({ verdict }) => verdict.kind === 'rescheduled')) this.hooks.readable();
    tellSettled(this.lifecycle, settled);
    this.hooks.success();
    this.tellMoved();
    this.tellQuiet();
  }

  private tellMoved(): void {
    this.hooks.moved();
    if (this.stream.wanted) this.hooks.readable();
  }

  private tellQuiet(): void {
    for (const resolve of this.whenQuiet.splice(0)) resolve();
  }
}
