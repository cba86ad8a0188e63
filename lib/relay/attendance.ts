import { Bell } from './bell.js';
import type { LaneKeeper } from './lane-keeper.js';

export interface AttendanceHooks {
  /** Whether this relay is to have a share of the lanes. */
  takesPart(): boolean;
  /** The database did not do what was asked. Yields the ms to wait before the next try. */
  trouble(error: Error): number;
}

/** Sees to it that a relay has a seat when it is to have one, and that its seat is looked after. */
export class Attendance {
  /** Rung when the seat is to be looked at before its time. */
  private readonly bell = new Bell();
  private isBegun = false;
  private sessions = 0;
  private attending: Promise<void> | undefined;

  constructor(
    private readonly keeper: LaneKeeper,
    private readonly hooks: AttendanceHooks,
  ) {}

  begin(): void {
    this.isBegun = true;
    this.attend();
  }

  /** No seat from here on, but for a session. */
  end(): void {
    this.isBegun = false;
    this.lookNow();
  }

  lookNow(): void {
    this.bell.ring();
  }

  /** Resolves when nobody looks after the seat any more. */
  async ended(): Promise<void> {
    await this.attending;
  }

  /** A seat for as long as `work` runs, also for a relay that takes no part. Rejects if there is none to be had. */
  async session<T>(work: () => Promise<T>): Promise<T> {
    this.sessions++;
    this.attend();
    try {
      await this.keeper.sit();
      return await work();
    } finally {
      this.sessions--;
      this.lookNow();
      if (!this.isWanted) await (this.isBegun ? this.keeper.standBy() : this.keeper.leave());
    }
  }

  private get isWanted(): boolean {
    return this.sessions > 0 || (this.isBegun && this.hooks.takesPart());
  }

  private attend(): void {
    this.attending ??= this.lookAgainAndAgain().finally(() => {
      this.attending = undefined;
    });
  }

  private async lookAgainAndAgain(): Promise<void> {
    while (this.isBegun || this.sessions > 0) await this.bell.wait(await this.look());
  }

  /** Resolves to the ms until it is worth looking again. Never rejects. */
  private async look(): Promise<number> {
    try {
      if (this.isWanted) await this.keeper.sit();
      else if (this.isBegun) await this.keeper.standBy();
      else await this.keeper.leave();
      return this.keeper.interval;
    } catch (error) {
      return this.hooks.trouble(error as Error);
    }
  }
}
