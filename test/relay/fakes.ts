import type { EventPublisher, PublishOutcome } from '../../lib/broker/publisher.js';
import type { OutgoingEvent } from '../../lib/event/envelope.js';
import { laneSlot, type LaneSet } from '../../lib/event/lane.js';
import type { RelaySettings } from '../../lib/relay/relay.js';
import type {
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
      });
    }
  }

  states(): Record<string, Row['state']> {
    return Object.fromEntries([...this.rows].map(([seq, { state }]) => [seq, state]));
  }

  asStore(): OutboxStore {
    return this as unknown as OutboxStore;
  }

  openSeat(): RelaySeat {
    return {
      take: () => Promise.resolve(),
      hold: (lanes) => Promise.resolve([...lanes]),
      giveBack: () => Promise.resolve(),
      census: () => Promise.resolve({ shares: [0], free: [0] }),
      announce: () => Promise.resolve(),
      leave: () => Promise.resolve(),
      onLost: () => undefined,
    };
  }

  /** Each row once until rewound, as if each read saw only what became visible since. */
  openReader(): EventReader {
    let seen = new Set<string>();
    let covered = 0;
    const take = (rows: readonly Row[]) => {
      for (const { event, attempts } of rows) seen.add(`${event.seq}/${attempts}`);
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
          const found = this.ready()
            .filter(({ event, attempts }) => !seen.has(`${event.seq}/${attempts}`) && lanes().has(event.slot))
            .slice(0, limit);
          covered = Math.max(covered, ...found.map(({ event }) => event.seq));
          return found;
        }),
      readKey: (key: string, after: number, limit: number) =>
        looking(() =>
          this.ready()
            .filter(({ event }) => event.key === key && event.seq > after)
            .slice(0, limit),
        ),
    };
  }

  async settle({ published, returned, rescheduled, dead }: Settlement): Promise<void> {
    await this.beforeSettle();
    for (const seq of [...published, ...returned]) this.change(seq, (row) => (row.state = 'published'));
    for (const failure of rescheduled) this.fail(failure);
    for (const failure of dead) this.fail(failure, 'dead');
    this.log.push(`settled ${[...published, ...returned].join()}`);
  }

  private fail({ seq, attempts }: Failure, state: Row['state'] = 'pending'): void {
    this.change(seq, (row) => {
      if (row.attempts !== attempts) return;
      Object.assign(row, { attempts: attempts + 1, hasFailed: true, state });
    });
  }

  private change(seq: number, how: (row: Row) => void): void {
    const row = this.rows.get(seq);
    if (row?.state === 'pending') how(row);
  }

  /** Of a key, nothing behind an event that has failed. */
  private ready(): Row[] {
    const sorted = [...this.rows.values()].sort((a, b) => a.event.seq - b.event.seq);
    return sorted.filter(
      (row) => row.state === 'pending' && !sorted.some((other) => this.holdsBack(other, row)),
    );
  }

  private holdsBack(other: Row, row: Row): boolean {
    const { key } = row.event;
    if (key === null || other.event.key !== key || !other.hasFailed || other.event.seq >= row.event.seq)
      return false;
    return other.state === 'pending' || (other.state === 'dead' && this.parking);
  }
}

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

/** Resolves when it is so. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}
