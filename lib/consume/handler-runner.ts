import type { EntityManager } from 'typeorm';
import { commonName, type Delivery, type IncomingMessage } from '../broker/subscriber.js';
import { continueChain, type Tracking } from '../event/tracking.js';
import { settledOrAborted } from '../policy/waiting.js';
import { EventContext } from './event-context.js';
import { identityOf } from './event-identity.js';
import type { Drain } from './drain.js';
import type { Handler } from './handler.js';
import { HandlerRun } from './handler-run.js';
import type { Inbox } from './inbox.js';
import type { OpenedMessage } from './payload/message-reader.js';
import { Slots } from './slots.js';

/** What a run came to that did not throw. `'released'`: it never began, and the message should go back. */
export type Completion = 'handled' | 'duplicate' | 'released';

/** Runs one handler, as many times at once and for as long as it may. */
export class HandlerRunner {
  /** For tracers. */
  readonly place: { readonly queue: string; readonly handler: string };
  /** Absent while the prefetch is the only limit there is. */
  private readonly slots: Slots | undefined;
  /** By event id: runs that are past their timeout and go on, or that hold the event in an inbox transaction. */
  private readonly going = new Map<string, Going>();

  constructor(
    readonly handler: Handler,
    private readonly queue: string,
    private readonly tracking: Tracking,
    private readonly inbox: Inbox | undefined,
    private readonly drain: Pick<Drain, 'signal'>,
  ) {
    const { concurrency, prefetch, timeout } = handler;
    this.place = { queue: commonName(handler), handler: handler.name };
    // A run past its timeout goes on when its message is settled, so that the prefetch counts it no more.
    if (concurrency < prefetch || timeout !== undefined) this.slots = new Slots(concurrency);
  }

  /**
   * Whether a run may begin, now or after a wait for its place; not if the runner is closed meanwhile. Waits, too, for an
   * earlier run of the same event that goes on. Each `true` must be followed by one `run()` or `leave()`.
   */
  admit({ id }: IncomingMessage): boolean | Promise<boolean> {
    const { signal } = this.drain;
    const earlier = this.going.get(id);
    if (earlier) return this.admitAfter(earlier.ended, signal);
    return this.slots?.take(signal) ?? !signal.aborted;
  }

  leave(): void {
    this.slots?.give();
  }

  /** Rejects with the error that counts for the outcome. */
  run(opened: OpenedMessage, delivery: Pick<Delivery, 'lost'>): Promise<Completion> {
    const run = new HandlerRun(this.handler, () => delivery.lost);
    const work = this.inbox
      ? this.inTransaction(this.inbox, opened, delivery, run)
      : this.invoke(opened, run).then(handled);
    if (!this.slots && !this.inbox) return work;
    this.goesOn(opened.message, work, run);
    return this.handler.timeout === undefined ? work : run.watch(work);
  }

  /** When the run of an event ends that is past its timeout; `undefined` if there is none. */
  overdue(id: string): Promise<void> | undefined {
    const going = this.going.get(id);
    return going?.run.abandoned ? going.ended : undefined;
  }

  private async admitAfter(earlier: Promise<void>, over: AbortSignal): Promise<boolean> {
    await settledOrAborted(earlier, [over]);
    return this.slots?.take(over) ?? !over.aborted;
  }

  private async inTransaction(
    inbox: Inbox,
    opened: OpenedMessage,
    delivery: Pick<Delivery, 'lost'>,
    run: HandlerRun,
  ): Promise<Completion> {
    const standings = await inbox.handle({
      consumer: this.queue,
      ids: [identityOf(opened.message)],
      isolation: this.handler.inbox?.isolation,
      over: [this.drain.signal, delivery.lost],
      handle: async (manager) => {
        await this.invoke(opened, run, manager);
        return [];
      },
      get abandoned() {
        return run.abandoned;
      },
    });
    if (!standings) return 'released';
    return standings[0] === 'handled' ? 'duplicate' : 'handled';
  }

  private async invoke(opened: OpenedMessage, run: HandlerRun, manager?: EntityManager): Promise<void> {
    const { message, payload } = opened;
    const context = new EventContext(message, this.queue, run, manager);
    run.begin();
    try {
      await this.tracking.run(continueChain(message), () =>
        this.handler.invoke(payload(this.handler.form), context),
      );
    } finally {
      run.end();
    }
  }

  /** Until the work has ended it keeps its place, and no other run of its event begins. */
  private goesOn({ id }: IncomingMessage, work: Promise<unknown>, run: HandlerRun): void {
    const ended = work.then(noop, noop).then(() => {
      if (this.going.get(id)?.run === run) this.going.delete(id);
      this.leave();
    });
    if (id !== '') this.going.set(id, { ended, run });
  }
}

interface Going {
  readonly ended: Promise<void>;
  readonly run: HandlerRun;
}

const handled = (): Completion => 'handled';
const noop = () => undefined;
