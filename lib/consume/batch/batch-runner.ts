import type { EntityManager } from 'typeorm';
import { commonName } from '../../broker/subscriber.js';
import { chainBehindAll, type Tracking } from '../../event/tracking.js';
import type { Standing } from '../../store/inbox-store.js';
import type { Drain } from '../drain.js';
import { EventContext } from '../event-context.js';
import { identityOf } from '../event-identity.js';
import type { Handler } from '../handler.js';
import { HandlerRun } from '../handler-run.js';
import type { Inbox } from '../inbox.js';
import type { OpenedMessage } from '../payload/message-reader.js';
import { RunRoom } from '../run-room.js';
import { EventBatch } from './event-batch.js';
import type { Gathered } from './gathering.js';

/**
 * What a run came to for one of its events. `'again'`: another transaction is handling it, and may yet fail. `together`:
 * the run failed as a whole, and has ended.
 */
export type Fate =
  | { readonly kind: 'handled' | 'duplicate' | 'released' }
  | { readonly kind: 'again' }
  | { readonly kind: 'failed'; readonly error: unknown; readonly together: boolean };

/** An event whose payload is as the handler wants it. */
interface Ready {
  /** Its place in the batch. */
  readonly index: number;
  readonly message: OpenedMessage['message'];
  readonly payload: unknown;
}

/** Runs a handler of batches, as many times at once and for as long as it may. */
export class BatchRunner {
  /** For tracers. */
  readonly place: { readonly queue: string; readonly handler: string };
  private readonly room: RunRoom;

  constructor(
    readonly handler: Handler,
    private readonly queue: string,
    private readonly tracking: Tracking,
    private readonly inbox: Inbox | undefined,
    private readonly drain: Pick<Drain, 'signal'>,
  ) {
    this.place = { queue: commonName(handler), handler: handler.name };
    this.room = new RunRoom(handler, drain);
  }

  /** See `RunRoom`. Each `true` must be followed by one `run()` or `leave()`. */
  admit(batch: readonly Gathered[]): Promise<boolean> {
    return this.room.admitAll(batch.map(({ opened }) => opened.message.id));
  }

  leave(): void {
    this.room.leave();
  }

  /** What it came to for each, in the same order. */
  async run(batch: readonly Gathered[], lost: AbortSignal): Promise<readonly Fate[]> {
    const run = new HandlerRun(this.handler, () => lost);
    const fates: Fate[] = [];
    const work = this.work(batch, lost, run, fates);
    const ids = batch.map(({ opened }) => opened.message.id);
    this.room.enter(ids, work, run);
    try {
      await run.watch(work);
      return batch.map((_, index) => fates[index] ?? RELEASED);
    } catch (error) {
      const failed = { kind: 'failed', error, together: !run.abandoned } as const;
      return batch.map((_, index) => fates[index] ?? failed);
    }
  }

  private async work(
    batch: readonly Gathered[],
    lost: AbortSignal,
    run: HandlerRun,
    fates: Fate[],
  ): Promise<void> {
    const ready = await this.prepare(batch, fates);
    if (ready.length === 0) return;
    if (this.inbox) return this.inTransaction(this.inbox, distinct(ready, fates), lost, run, fates);
    note(ready, await this.invoke(ready, run), fates);
  }

  /** A payload that is not what it has to be fails its own event only. */
  private async prepare(batch: readonly Gathered[], fates: Fate[]): Promise<Ready[]> {
    const { form, batch: how } = this.handler;
    const ready: Ready[] = [];
    for (const [index, { opened }] of batch.entries()) {
      try {
        const decoded = opened.payload(form);
        const payload = how?.prepare ? await how.prepare(decoded) : decoded;
        ready.push({ index, message: opened.message, payload });
      } catch (error) {
        fates[index] = { kind: 'failed', error, together: false };
      }
    }
    return ready;
  }

  private async inTransaction(
    inbox: Inbox,
    ready: readonly Ready[],
    lost: AbortSignal,
    run: HandlerRun,
    fates: Fate[],
  ): Promise<void> {
    const ids = ready.map(({ message }) => identityOf(message));
    let failures: Failures = new Map();
    const standings = await inbox.handle({
      consumer: this.queue,
      ids,
      isolation: this.handler.inbox?.isolation,
      over: [this.drain.signal, lost],
      handle: async (manager, found) => {
        noteKnown(ready, found, fates);
        const fresh = ready.filter((_, place) => found[place] === 'new');
        failures = await this.invoke(fresh, run, manager);
        return fresh.filter(({ index }) => failures.has(index)).map(({ message }) => identityOf(message));
      },
      get abandoned() {
        return run.abandoned;
      },
    });
    if (!standings) return;
    noteKnown(ready, standings, fates);
    const stands = (standing: Standing) => ready.filter((_, place) => standings[place] === standing);
    note(stands('new'), failures, fates);
    for (const { index } of stands('busy')) fates[index] = { kind: 'again' };
  }

  private async invoke(ready: readonly Ready[], run: HandlerRun, manager?: EntityManager): Promise<Failures> {
    const failed = new Map<number, unknown>();
    const messages = ready.map(({ message }) => message);
    const contexts = messages.map((message) => new EventContext(message, this.queue, run, manager));
    const batch = new EventBatch(contexts, this.queue, run, failed, manager);
    const payloads = ready.map(({ payload }) => payload);
    run.begin();
    try {
      await this.tracking.run(chainBehindAll(messages), () => this.handler.invoke(payloads, batch));
    } finally {
      run.end();
    }
    return new Map([...failed].map(([place, error]) => [(ready[place] as Ready).index, error]));
  }
}

/** Errors of single events, by their places in the whole batch. */
type Failures = ReadonlyMap<number, unknown>;

const RELEASED: Fate = { kind: 'released' };
const DUPLICATE: Fate = { kind: 'duplicate' };

/** Of an event that is in the batch twice, one can go: the other is settled only when it is handled, or safe elsewhere. */
function distinct(ready: readonly Ready[], fates: Fate[]): Ready[] {
  const seen = new Set<string>();
  return ready.filter(({ index, message }) => {
    const id = identityOf(message);
    if (id === '' || !seen.has(id)) return seen.add(id);
    fates[index] = DUPLICATE;
    return false;
  });
}

/** Known for good, whatever becomes of the transaction that found it out. */
function noteKnown(ready: readonly Ready[], standings: readonly Standing[], fates: Fate[]): void {
  ready.forEach(({ index }, place) => {
    if (standings[place] === 'handled') fates[index] = DUPLICATE;
  });
}

function note(ready: readonly Ready[], failures: Failures, fates: Fate[]): void {
  for (const { index } of ready)
    fates[index] = failures.has(index)
      ? { kind: 'failed', error: failures.get(index), together: false }
      : { kind: 'handled' };
}
