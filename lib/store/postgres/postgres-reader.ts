import type { LaneSet } from '../../event/lane.js';
import type { EventReader, PendingEvent } from '../store.js';
import { Line } from './line.js';
import type { RelayConnections } from './relay-connections.js';
import { parseSnapshot, type Snapshot } from './snapshot.js';
import { isNotPrepared } from './sql-state.js';
import { BY_INDEX, BY_INDEX_ONCE } from './statements/planner.js';
import { lookForDue } from './statements/look-for-due.js';
import { readDue } from './statements/read-due.js';
import { readFresh, readLittle, type FreshRow, type LittleRow } from './statements/read-fresh.js';
import { readKey } from './statements/read-key.js';
import { readScan } from './statements/read-scan.js';
import type { Prepared, Selection } from './statements/statement.js';
import type { Tables } from './tables.js';

/**
 * Where the reader is.
 * - `start`: the next read begins a scan of every pending row behind `after` that was visible in `epoch`; in none yet,
 *   then in one of its own.
 * - `scan`: paging through all that was visible in `epoch`, behind `after`.
 * - `tail`: all that was visible in `epoch` has been seen; only what became visible since is looked for.
 *
 * In each, what is ready up to `after` has been read (or waits for an event of its key that has failed), but for what
 * commits late.
 *
 * `start → scan → tail`, `tail → scan` when more became visible than one read takes, and any `→ start` on rewind.
 */
type Position =
  | { readonly at: 'start'; readonly after: number; readonly epoch?: Snapshot | undefined }
  | { readonly at: 'scan'; readonly after: number; readonly epoch: Snapshot }
  | { readonly at: 'tail'; readonly after: number; readonly epoch: Snapshot };

export interface ReaderSettings {
  readonly tables: Tables;
  /** Later events of a key wait behind a dead one. */
  readonly parking: boolean;
}

/** How often scheduled events and retries are looked for while there is other work, in milliseconds. */
const DUE_INTERVAL = 100;
/**
 * So few rows cost less in text format, by a statement that is planned already, than in binary by one that is not: where
 * there is little, planning is most of what a read costs.
 */
const LITTLE = 200;
/** And so few bytes of payload, which in text format are twice as many. */
const LITTLE_BYTES = 256 * 1024;
/** Identity columns count from 1. */
const BEFORE_ALL = 0;

/** Reads the outbox by snapshots: exactly the rows that have become visible, in order, none twice, none missed. */
export class PostgresReader implements EventReader {
  private readonly line: Line;
  private position: Position = { at: 'start', after: BEFORE_ALL };
  private nextDueLook = 0;
  /** Whether the last read has found something. */
  private isBusy = false;
  /** Whether the last look for what became visible has found little. */
  private isLittle = false;
  /** Whether something was due at the last of these looks that nobody has read yet. */
  private dueWaits = false;
  /** Whether connections keep what is prepared on them: behind a pooler they may not. */
  private canPrepare = true;
  nextDue: number | undefined;
  isExhausted = false;

  constructor(
    connections: RelayConnections,
    private readonly settings: ReaderSettings,
  ) {
    this.line = new Line(connections);
  }

  get covered(): number {
    return this.position.after;
  }

  /**
   * From a position on, what was visible is read again in the same epoch: what has committed since, with a lower number
   * too, is then still new. In a new epoch it would be behind the position and known to nobody.
   */
  rewind(after?: number): void {
    const { after: covered, epoch } = this.position;
    this.position =
      after === undefined
        ? { at: 'start', after: BEFORE_ALL }
        : { at: 'start', after: Math.min(after, covered), epoch };
    this.nextDueLook = 0;
    this.isExhausted = false;
  }

  async read(limit: number, lanes: () => LaneSet): Promise<PendingEvent[]> {
    this.isExhausted = false;
    const events = (await this.readLittle(limit, lanes)) ?? (await this.readInTurn(limit, lanes));
    this.isBusy = events.length > 0;
    return events;
  }

  readKey(key: string, after: number, limit: number): Promise<PendingEvent[]> {
    const { tables, parking } = this.settings;
    return this.select(readKey(tables, parking, key, after, limit));
  }

  /**
   * All there is, and whether anything is due, where little is expected. Resolves to `undefined` where it is not, or was
   * not all, or where statements cannot be prepared.
   */
  private async readLittle(limit: number, lanes: () => LaneSet): Promise<PendingEvent[] | undefined> {
    if (this.position.at !== 'tail' || !this.isLittle || !this.canPrepare) return undefined;
    if (this.dueWaits) {
      const due = await this.takeDue(lanes(), limit);
      if (due.length > 0) return due;
    }
    const from = this.position;
    if (from.at !== 'tail') return undefined;
    const { tables, parking } = this.settings;
    const most = Math.min(limit, LITTLE);
    const rows = await this.selectPrepared(readLittle(tables, parking, lanes(), from.epoch, most));
    if (!rows) return undefined;
    const events = this.freshCame(rows, from, most);
    const [{ isDue, next }] = rows as [LittleRow];
    this.nextDue = next ?? undefined;
    this.dueWaits = isDue;
    // A page that was cut short may hold nothing but what is held back.
    if (this.position.at !== 'tail') return events.length > 0 ? events : undefined;
    this.isExhausted = !isDue;
    return events.length > 0 || !isDue ? events : this.takeDue(lanes(), limit);
  }

  /**
   * What is due gets its turn now and then while there is always something ready. Otherwise what is ready comes first: it
   * is what somebody has just committed, and waits for.
   */
  private async readInTurn(limit: number, lanes: () => LaneSet): Promise<PendingEvent[]> {
    const itsTurn = this.isBusy && performance.now() >= this.nextDueLook;
    const due = itsTurn ? await this.readDue(lanes(), limit) : [];
    if (due.length > 0) return due;
    const ready = await this.readReady(lanes, limit);
    return ready.length > 0 || itsTurn ? ready : this.readDue(lanes(), limit);
  }

  private async readDue(lanes: LaneSet, limit: number): Promise<PendingEvent[]> {
    const { tables, parking } = this.settings;
    const [look] = await this.select(lookForDue(tables, parking, lanes));
    this.nextDue = look?.next ?? undefined;
    const due = look?.isDue ? await this.takeDue(lanes, limit) : [];
    if (due.length < limit) this.nextDueLook = performance.now() + DUE_INTERVAL;
    return due;
  }

  private takeDue(lanes: LaneSet, limit: number): Promise<PendingEvent[]> {
    const { tables, parking } = this.settings;
    this.dueWaits = false;
    return this.select(readDue(tables, parking, lanes, limit));
  }

  private async readReady(lanes: () => LaneSet, limit: number): Promise<PendingEvent[]> {
    for (;;) {
      const from = this.position;
      const events = await (from.at === 'tail'
        ? this.readFresh(lanes(), from.epoch, limit)
        : this.readScan(lanes(), limit));
      // The end of a scan is not the end of the outbox: rows may have come since its epoch.
      if (events.length > 0 || (from.at === 'tail' && this.position.at === 'tail')) return events;
    }
  }

  private async readFresh(lanes: LaneSet, previous: Snapshot, limit: number): Promise<PendingEvent[]> {
    const { tables, parking } = this.settings;
    const before = this.position;
    const rows = await this.select(readFresh(tables, parking, lanes, previous, limit));
    return this.freshCame(rows, before, limit);
  }

  private freshCame(rows: readonly FreshRow[], before: Position, limit: number): PendingEvent[] {
    const [{ epoch, found, last }] = rows as [FreshRow];
    // Behind a page that was cut short, there is more, perhaps with lower numbers than what was read long ago.
    const isAll = found < limit;
    const after = isAll ? Math.max(before.after, last ?? 0) : (last as number);
    this.moveOn(before, { at: isAll ? 'tail' : 'scan', epoch: parseSnapshot(epoch), after });
    const events = rows.map(({ event }) => event).filter(({ seq }) => seq !== null);
    this.isLittle = found < LITTLE && bytesOf(events) < LITTLE_BYTES;
    return events;
  }

  private async readScan(lanes: LaneSet, limit: number): Promise<PendingEvent[]> {
    const { tables, parking } = this.settings;
    const before = this.position;
    const epoch = before.epoch ?? (await this.snapshot());
    const page = { epoch: epoch.text, after: before.after, isFirst: before.at === 'start' };
    const events = await this.select(readScan(tables, parking, lanes, page, limit));
    const after = Math.max(before.after, events.at(-1)?.seq ?? 0);
    this.moveOn(before, { at: events.length < limit ? 'tail' : 'scan', epoch, after });
    return events;
  }

  private async snapshot(): Promise<Snapshot> {
    const [text] = await this.select({
      text: 'SELECT pg_current_snapshot()::text',
      build: (row) => row.text() as string,
    });
    return parseSnapshot(text as string);
  }

  /** A rewind that came while a statement ran wins over where the statement got to. */
  private moveOn(from: Position, to: Position): void {
    if (this.position === from) this.position = to;
  }

  /** Resolves to `undefined` where that cannot be done, from then on. */
  private async selectPrepared<T>(selection: Prepared<T>): Promise<T[] | undefined> {
    try {
      return await this.line.use((connection) => connection.selectPrepared(BY_INDEX_ONCE, selection));
    } catch (error) {
      if (!isNotPrepared(error)) throw error;
      this.canPrepare = false;
      return undefined;
    }
  }

  private select<T>(selection: Selection<T>): Promise<T[]> {
    return this.line.use((connection) => connection.select([BY_INDEX], selection));
  }
}

const bytesOf = (events: readonly PendingEvent[]): number =>
  events.reduce((sum, { body }) => sum + body.length, 0);
