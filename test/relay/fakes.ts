import type { EventPublisher, PublishOutcome } from '../../lib/broker/publisher.js';
import type { OutgoingEvent } from '../../lib/event/envelope.js';
import type { RelaySettings } from '../../lib/relay/relay.js';
import type { Claim, ClaimedEvent, EventReader, OutboxStore, Settlement } from '../../lib/store/store.js';

export const SETTINGS: RelaySettings = {
  pollInterval: 3_600_000,
  batchSize: 2,
  window: 100,
  publishTimeout: 1_000,
  unroutable: 'record',
  exchange: 'events',
  attempts: 3,
  backoff: { delay: 1, factor: 1, maxDelay: 1, jitter: 'none' },
};

export const SILENT = { log() {}, warn() {} };

/** Rows in memory. Claims lock, settling and releasing unlock; both can be held up by a test. */
export class FakeStore {
  readonly pending = new Map<number, { locked: boolean; key: string | null }>();
  readonly log: string[] = [];
  beforeClaim: () => Promise<void> = () => Promise.resolve();
  beforeSettle: () => Promise<void> = () => Promise.resolve();

  add(...numbers: number[]): void {
    for (const number of numbers) this.pending.set(number, { locked: false, key: 'k' });
  }

  openReader(): EventReader {
    return { nextDue: undefined, rewind: () => undefined, claim: (limit) => this.claim(limit) };
  }

  asStore(): OutboxStore {
    return this as unknown as OutboxStore;
  }

  private async claim(limit: number): Promise<Claim | undefined> {
    const rows = [...this.pending].filter(([, { locked }]) => !locked).slice(0, limit);
    for (const [, row] of rows) row.locked = true;
    await this.beforeClaim();
    if (rows.length === 0) return undefined;
    const unlock = () => rows.forEach(([, row]) => (row.locked = false));
    return {
      events: rows.map(
        ([number, { key }]) =>
          ({
            seq: String(number),
            id: String(number),
            key,
            attempts: 0,
            body: Buffer.alloc(1),
          }) as ClaimedEvent,
      ),
      settle: async (settlement: Settlement) => {
        await this.beforeSettle();
        for (const seq of settlement.published) this.pending.delete(Number(seq));
        this.log.push(`settled ${settlement.published.join()}`);
        unlock();
      },
      release: async () => {
        await this.beforeSettle();
        this.log.push(`released ${rows.map(([number]) => number).join()}`);
        unlock();
      },
    };
  }
}

/** A broker that answers when a test says so. */
export class FakePublisher implements EventPublisher {
  ready = true;
  readonly published: string[] = [];
  answer: (events: readonly OutgoingEvent[]) => Promise<PublishOutcome[]> = (events) =>
    Promise.resolve(events.map(() => ({ kind: 'confirmed' })));
  private readonly listeners = new Set<() => void>();

  onReadyChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  setReady(ready: boolean): void {
    this.ready = ready;
    for (const listener of this.listeners) listener();
  }

  publish(events: readonly OutgoingEvent[]): Promise<PublishOutcome[]> {
    this.published.push(...events.map(({ id }) => id));
    return this.answer(events);
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
