import { setTimeout as sleep } from 'node:timers/promises';
import { LaneSet } from '../event/lane.js';
import type { OutboxStore, RelayAnnouncement, RelayCensus, RelaySeat } from '../store/store.js';
import { laneMove } from './lane-share.js';

export interface LaneKeeperHooks {
  /** Lanes have come: their events are ours to publish. */
  gained(lanes: readonly number[]): void;
  /** These lanes are to go: nothing of theirs may be sent any more. */
  release(lanes: LaneSet): void;
  /** Whether nothing of theirs is on its way or unrecorded any more. */
  isClear(lanes: LaneSet): boolean;
  /** The lanes have turned out to be ours still, after a while in which nobody knew. */
  proven(): void;
  /** All lanes are gone, without warning. */
  lost(lanes: readonly number[], error: Error): void;
  /** What is told about this relay. */
  report(): object;
}

/** How often lanes are shared out anew, in milliseconds; a relay that lacks some looks more often. */
const INTERVAL = 500;
const IMPATIENT = 50;
/** How often a relay says that it is there, in milliseconds. */
const ANNOUNCEMENT_INTERVAL = 5_000;

/** Holds this relay's fair share of the lanes, and gives back the rest. */
export class LaneKeeper {
  private readonly place: RelaySeat;
  /** The place, while we sit there. */
  private seat: RelaySeat | undefined;
  private held: readonly number[] = [];
  private provenAt = Number.NEGATIVE_INFINITY;
  private announcedAt = Number.NEGATIVE_INFINITY;
  private turn: Promise<unknown> = Promise.resolve();
  private lacks = false;
  /** Lanes that will be free when they are clear. */
  private given: LaneSet | undefined;

  constructor(
    store: Pick<OutboxStore, 'openSeat'>,
    private readonly announcement: RelayAnnouncement,
    /** Milliseconds after which the database frees the lanes of a process that does not move. */
    private readonly idleTimeout: number,
    private readonly hooks: LaneKeeperHooks,
  ) {
    this.lanes = new LaneSet(announcement.lanes);
    this.place = store.openSeat(announcement);
    this.place.onLost((error) => this.lose(error));
  }

  /** What we hold. */
  lanes: LaneSet;

  /**
   * Whether the lanes were ours a moment ago. A process that was frozen wakes up with memory of lanes that others have
   * long been working.
   */
  get isProven(): boolean {
    return performance.now() - this.provenAt < this.idleTimeout / 2;
  }

  /** Milliseconds until it is worth looking again. */
  get interval(): number {
    return this.lacks || this.given ? IMPATIENT : INTERVAL;
  }

  /** Takes a seat, and what lanes are due to it. Rejects if the database cannot be reached. */
  sit(): Promise<void> {
    return this.exclusively(async () => {
      if (!this.seat) await this.takeSeat();
      await this.shareOut();
    });
  }

  /** Gives everything back, when nothing of it is on its way any more, and stays to tell why. */
  standBy(): Promise<void> {
    return this.exclusively(async () => {
      await this.standUp(false);
      await this.announce(this.place, false);
    });
  }

  /** Gives everything back, when nothing of it is on its way any more. */
  leave(): Promise<void> {
    return this.exclusively(() => this.standUp(true));
  }

  /** Gives everything back as it is. */
  async abandon(gone = true): Promise<void> {
    this.seat = undefined;
    this.given = undefined;
    this.holdNow([]);
    await this.place.leave(gone);
  }

  private async standUp(gone: boolean): Promise<void> {
    const { seat, lanes, given } = this;
    if (seat) {
      this.holdNow([]);
      this.hooks.release(lanes);
      await this.cleared(seat, new LaneSet(lanes.of, new Set([...lanes.lanes, ...(given?.lanes ?? [])])));
    }
    if (!seat && !gone) return;
    await this.abandon(gone);
    this.announcedAt = Number.NEGATIVE_INFINITY;
  }

  /** The seat must not be taken for that of a frozen process meanwhile. */
  private async cleared(seat: RelaySeat, lanes: LaneSet): Promise<void> {
    while (this.seat === seat && !this.hooks.isClear(lanes)) {
      await sleep(IMPATIENT);
      if (performance.now() - this.provenAt > INTERVAL) await this.census(seat);
    }
  }

  private async takeSeat(): Promise<void> {
    await this.place.take();
    this.seat = this.place;
    this.announcedAt = Number.NEGATIVE_INFINITY;
  }

  private async shareOut(): Promise<void> {
    const seat = this.seat as RelaySeat;
    const census = await this.census(seat);
    if (this.given) return this.finishGiving(seat, this.given);
    const move = laneMove(census, this.announcement.lanes);
    this.lacks =
      census.shares.length > 1 && this.held.length + move.take.length < this.fairShare(census.shares);
    if (move.give > 0) this.give(move.give);
    if (move.take.length > 0) await this.take(seat, move.take);
    await this.announce(seat, move.give + move.take.length > 0);
  }

  private fairShare(shares: readonly number[]): number {
    return Math.floor(this.announcement.lanes / shares.length);
  }

  private async take(seat: RelaySeat, lanes: readonly number[]): Promise<void> {
    const taken = await seat.hold(lanes);
    if (taken.length === 0 || this.seat !== seat) return;
    this.holdNow([...this.held, ...taken]);
    this.hooks.gained(taken);
  }

  /** From the end, as the seat lets go of them. Nobody reads them from here on, but they are free only once they are clear. */
  private give(count: number): void {
    this.given = new LaneSet(this.announcement.lanes, new Set(this.held.slice(-count)));
    this.holdNow(this.held.slice(0, -count));
    this.hooks.release(this.given);
  }

  private async finishGiving(seat: RelaySeat, given: LaneSet): Promise<void> {
    if (!this.hooks.isClear(given)) return;
    this.given = undefined;
    await seat.giveBack(given.size);
  }

  private async census(seat: RelaySeat): Promise<RelayCensus> {
    const asked = performance.now();
    const census = await seat.census();
    if (this.seat !== seat) return census;
    const wasProven = this.isProven;
    this.provenAt = asked;
    if (!wasProven && this.isProven) this.hooks.proven();
    return census;
  }

  private async announce(seat: RelaySeat, changed: boolean): Promise<void> {
    if (!changed && performance.now() - this.announcedAt < ANNOUNCEMENT_INTERVAL) return;
    this.announcedAt = performance.now();
    await seat.announce(this.hooks.report());
  }

  private holdNow(lanes: readonly number[]): void {
    this.held = lanes;
    this.lanes = new LaneSet(this.announcement.lanes, new Set(lanes));
  }

  private lose(error: Error): void {
    if (!this.seat) return;
    this.seat = undefined;
    this.given = undefined;
    this.provenAt = Number.NEGATIVE_INFINITY;
    const { held } = this;
    this.holdNow([]);
    this.hooks.lost(held, error);
  }

  private exclusively<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.turn.then(work);
    this.turn = mine.catch(() => undefined);
    return mine;
  }
}
