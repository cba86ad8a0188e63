import type { LaneSet } from '../event/lane.js';
import type { EventReader, PendingEvent } from '../store/store.js';
import { BatchSizer } from './batch-sizer.js';
import type { Pass } from './pass.js';
import type { Stream } from './stream.js';

/** How often everything that should be known is looked at again, in milliseconds; from the very beginning, every tenth time. */
const RESCAN_INTERVAL = 5_000;
const FROM_ZERO = 10;

/** Reads what is pending into the stream, one statement at a time. */
export class Feeder {
  private readonly sizer: BatchSizer;
  private turn: Promise<unknown> = Promise.resolve();
  private isReading = false;
  private readonly atEndOfRead: Array<() => void> = [];
  /** What was read in an earlier era must not be published: what came before it was given up, or lanes were not ours, meanwhile. */
  private era = 0;
  private missedBehind = Number.POSITIVE_INFINITY;
  private lastScan = performance.now();
  private scans = 0;
  /** Whether the last read has found all there was: reading again is in vain until something happens. */
  isExhausted = false;

  constructor(
    private readonly reader: EventReader,
    private readonly stream: Stream,
    private readonly lanes: () => LaneSet,
    batchSize: number,
  ) {
    this.sizer = new BatchSizer(batchSize);
  }

  /** Milliseconds until the next scheduled event or retry, as of the last read that found nothing. */
  get nextDue(): number | undefined {
    return this.reader.nextDue;
  }

  /**
   * Reads once. Resolves to the number of events that were read, known ones included; to `undefined` if it was in vain,
   * because all began anew meanwhile.
   */
  feed(pass?: Pass): Promise<number | undefined> {
    return this.exclusively(async () => {
      const { era, stream } = this;
      this.isExhausted = false;
      const { wanted } = stream;
      if (wanted) return this.feedKey(wanted, era, pass);
      this.rescanNowAndThen();
      const read = await this.reader.read(this.sizer.size, this.lanes);
      if (read.length > 0) this.sizer.learn(read);
      if (era !== this.era) return this.readInVain(read);
      stream.add(this.ours(read), pass);
      this.isExhausted = this.reader.isExhausted;
      return read.length;
    });
  }

  /** Something behind `position` that was in memory, or known to be in the table, is to be read again. */
  missed(position: number): void {
    this.missedBehind = Math.min(this.missedBehind, position);
  }

  /** Begins anew: with what was given up, and with what was read and never sent. */
  restart(): void {
    this.era++;
    this.rewind();
    this.stream.clear();
  }

  /**
   * Begins anew with the first row there is: for lanes we know nothing of. A lane that was ours before may have been in
   * other hands since a read began.
   */
  restartFromZero(): void {
    this.era++;
    this.reader.rewind();
    this.lastScan = performance.now();
  }

  /** Runs `work` when no read that began before this moment can bring anything any more. */
  afterReads(work: () => void): void {
    if (this.isReading) this.atEndOfRead.push(work);
    else work();
  }

  /** To where nothing before is left in the table that is neither in memory nor held back there. */
  private rewind(): void {
    const floor = Math.min(this.missedBehind, this.stream.floor(this.reader.covered));
    this.missedBehind = Number.POSITIVE_INFINITY;
    this.reader.rewind(floor);
  }

  /** What was read in another era is not published; but the reader may believe that it was. */
  private readInVain(events: readonly PendingEvent[]): undefined {
    for (const { seq } of events) this.missed(seq - 1);
    if (events.length > 0) this.rewind();
  }

  private async feedKey(
    wanted: NonNullable<Stream['wanted']>,
    era: number,
    pass?: Pass,
  ): Promise<number | undefined> {
    const { key, after, limit } = wanted;
    const read = await this.reader.readKey(key, after, limit);
    if (era !== this.era) return this.readInVain(read);
    const ours = this.ours(read);
    // A key whose lane was given away is done with here: whoever has it now reads the rest.
    const all = read.length < limit || ours.length < read.length;
    this.stream.addOfKey(key, after, ours, all, pass);
    // That there is no more of a key says nothing of others.
    return read.length || undefined;
  }

  /** Lanes may have been given back while their events were read. */
  private ours(events: readonly PendingEvent[]): PendingEvent[] {
    const lanes = this.lanes();
    return events.filter(({ slot }) => lanes.has(slot));
  }

  /** The backstop for what nobody tells us about, such as a dead event that was deleted and held back others. */
  private rescanNowAndThen(): void {
    if (performance.now() - this.lastScan < RESCAN_INTERVAL) return;
    this.lastScan = performance.now();
    if (++this.scans % FROM_ZERO === 0) this.reader.rewind();
    else this.rewind();
  }

  private exclusively<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.turn.then(async () => {
      this.isReading = true;
      try {
        return await work();
      } finally {
        this.isReading = false;
        for (const then of this.atEndOfRead.splice(0)) then();
      }
    });
    this.turn = mine.catch(() => undefined);
    return mine;
  }
}
