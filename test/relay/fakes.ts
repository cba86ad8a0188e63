import type { EventPublisher, PublishOutcome } from '../../lib/broker/publisher.js';
import type { OutgoingEvent } from '../../lib/event/envelope.js';
import { laneSlot, type LaneSet } from '../../lib/event/lane.js';
import type { RelaySettings } from '../../lib/relay/relay.js';
import type {
  AsRead,
  EventReader,
  Failure,
  OutboxStore,
  PendingEvent,
  RelaySeat,
  Settlement,
} from '../../lib/store/store.js';

export const SETTINGS: RelaySettings = {
  pollInterval: 3_600_000,
  batchSize: 2,
  window: 100,
  publishTimeout: 1_000,
  idleTimeout: 3_600_000,
  unroutable: 'record',
  exchange: 'events',
  attempts: 3,
  backoff: { delay: 1, factor: 1, maxDelay: 1, jitter: 'none' },
  onDead: 'park',
  wakeUp: 'poll',
  announcement: { service: 'test', host: 'here', pid: 1, lanes: 1 },
};

export const SILENT = { log() {}, warn() {} };

interface Row {
  readonly event: PendingEvent;
  attempts: number;
  hasFailed: boolean;
  state: 'pending' | 'published' | 'dead';
  /** Another one, and readers find the row anew. */
  version: number;
}

/** A table in memory, with the rules of a real one; reading and settling can be held up by a test. */
export class FakeStore {
  readonly rows = new Map<number, Row>();
  readonly log: string[] = [];
  reads = 0;
  beforeRead: () => Promise<void> = () => Promise.resolve();
  afterRead: () => Promise<void> = () => Promise.resolve();
  beforeSettle: () => Promise<void> = () => Promise.resolve();

  constructor(private readonly parking = true) {}

  add(...numbers: number[]): void {
    this.addOf('k', ...numbers);
  }

  addOf(key: string | null, ...numbers: number[]): void {
    for (const number of numbers) {
      const seq = number;
      const event = { seq, id: String(seq), key, slot: laneSlot(key), exchange: null, body: Buffer.alloc(1) };
      this.rows.set(seq, {
        event: event as PendingEvent,
        attempts: 0,
        hasFailed: false,
        state: 'pending',
        version: 0,
      });
    }
  }

  /** What operators do to a dead event. */
  requeue(seq: number): void {
    const row = this.rows.get(seq);
    if (row) Object.assign(row, { attempts: 0, hasFailed: true, state: 'pending', version: row.version + 1 });
  }

  /** What operators do to a dead event for which others wait: the first of them takes its place. */
  purge(seq: number, heir: number): void {
    this.rows.delete(seq);
    const row = this.rows.get(heir);
    if (row) Object.assign(row, { hasFailed: true, version: row.version + 1 });
  }

  states(): Record<string, Row['state']> {
    return Object.fromEntries([...this.rows].map(([seq, { state }]) => [seq, state]));
  }

  asStore(): OutboxStore {
    return this as unknown as OutboxStore;
  }

  /** The only relay there is. */
  openSeat(): RelaySeat {
    let held: number[] = [];
    const stand = () => {
      held = [];
      return Promise.resolve();
    };
    return {
      take: stand,
      hold: (lanes) => {
        held = [...held, ...lanes];
        return Promise.resolve([...lanes]);
      },
      giveBack: stand,
      census: () => Promise.resolve({ shares: [held.length], free: held.length > 0 ? [] : [0] }),
      announce: () => Promise.resolve(),
      leave: stand,
      onLost: () => undefined,
    };
  }

  /**
   * Each row once until rewound, as if each read saw only what became visible since: what is held back then is passed over.
   */
  openReader(): EventReader {
    let seen = new Set<string>();
    let covered = 0;
    const take = (rows: readonly Row[]) => {
      for (const row of rows) seen.add(markOf(row));
      return rows.map((row) => ({ ...row.event, attempts: row.attempts, hasFailed: row.hasFailed }));
    };
    const looking = async (choose: () => Row[]) => {
      this.reads++;
      await this.beforeRead();
      const found = take(choose());
      await this.afterRead();
      return found;
    };
    return {
      nextDue: undefined,
      isExhausted: false,
      get covered() {
        return covered;
      },
      rewind: (after = 0) => {
        covered = after;
        seen = new Set([...seen].filter((mark) => Number(mark.split('/')[0]) <= covered));
      },
      read: (limit: number, lanes: () => LaneSet) =>
        looking(() => {
          const fresh = this.pending().filter((row) => !seen.has(markOf(row)) && lanes().has(row.event.slot));
          const isOver = (row: Row) => (row.hasFailed ? this.isBehindFailed(row) : this.isHeldBack(row));
          for (const row of fresh.filter(isOver)) seen.add(markOf(row));
          const found = fresh.filter((row) => !seen.has(markOf(row))).slice(0, limit);
          covered = Math.max(covered, ...found.map(({ event }) => event.seq));
          return found;
        }),
      readKey: (key: string, after: number, limit: number) =>
        looking(() =>
          this.pending()
            .filter((row) => row.event.key === key && row.event.seq > after && !this.isBehindFailed(row))
            .slice(0, limit),
        ),
    };
  }

  async settle({ published, returned, rescheduled, dead }: Settlement): Promise<readonly number[]> {
    await this.beforeSettle();
    const through = [...published, ...returned];
    for (const each of through) this.change(each, { state: 'published' });
    const overtaken = [
      ...rescheduled.filter((failure) => !this.fail(failure, 'pending')),
      ...dead.filter((failure) => !this.fail(failure, 'dead')),
    ];
    this.log.push(`settled ${through.map(({ seq }) => seq).join()}`);
    return overtaken.map(({ seq }) => seq);
  }

  private fail(failure: Failure, state: Row['state']): boolean {
    return this.change(failure, { attempts: failure.attempts + 1, hasFailed: true, state });
  }

  /** Whether the row was as it was read. */
  private change({ seq, attempts }: AsRead, to: Partial<Row>): boolean {
    const row = this.rows.get(seq);
    if (row?.state !== 'pending' || row.attempts !== attempts) return false;
    Object.assign(row, { ...to, version: row.version + 1 });
    return true;
  }

  private pending(): Row[] {
    return [...this.rows.values()]
      .filter(({ state }) => state === 'pending')
      .sort((a, b) => a.event.seq - b.event.seq);
  }

  /** By another event of its key that has failed. */
  private isHeldBack(row: Row): boolean {
    return this.failing(row).some((other) => other !== row);
  }

  private isBehindFailed(row: Row): boolean {
    return this.failing(row).some((other) => other.event.seq < row.event.seq);
  }

  private failing({ event: { key } }: Row): Row[] {
    if (key === null) return [];
    return [...this.rows.values()].filter(
      ({ event, hasFailed, state }) =>
        event.key === key && hasFailed && (state === 'pending' || (state === 'dead' && this.parking)),
    );
  }
}

const markOf = ({ event, version }: Row) => `${event.seq}/${version}`;

type Answer = (events: readonly OutgoingEvent[]) => Promise<readonly PublishOutcome[]>;

/** A broker that answers when a test says so. */
export class FakePublisher implements EventPublisher {
  ready = true;
  readonly published: string[] = [];
  answer: Answer = (events) => Promise.resolve(events.map(() => ({ kind: 'confirmed' })));
  private readonly listeners = new Set<() => void>();

  onReadyChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  setReady(ready: boolean): void {
    this.ready = ready;
    for (const listener of [...this.listeners]) listener();
  }

  publish(
    events: readonly OutgoingEvent[],
    _timeout: number,
    settled: (index: number, outcome: PublishOutcome) => void,
  ): void {
    this.published.push(...events.map(({ id }) => id));
    void this.answer(events).then((outcomes) =>
      outcomes.forEach((outcome, index) => settled(index, outcome)),
    );
  }
}

/** A promise and the function that fulfils it. */
export function gate<T = void>(): { readonly opened: Promise<T>; readonly open: (value: T) => void } {
  let open!: (value: T) => void;
  const opened = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** Everything that can happen without time passing has happened. */
export async function quiet(): Promise<void> {
  for (let round = 0; round < 20; round++) await new Promise((resolve) => setImmediate(resolve));
}

/** Resolves when it is so; rejects when it is not within ten seconds, so that a test that fails leaves nothing behind. */
export async function until(isSo: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 10_000; !isSo();) {
    if (Date.now() > deadline) throw new Error(`Not within 10 s: ${isSo.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
