import type { EntityManager } from 'typeorm';
import { commonName, type Delivery, type IncomingMessage } from '../broker/subscriber.js';
import { chainBehind, type Tracking } from '../event/tracking.js';
import { EventContext } from './event-context.js';
import { identityOf } from './event-identity.js';
import type { Drain } from './drain.js';
import type { Handler } from './handler.js';
import { HandlerRun } from './handler-run.js';
import type { Inbox } from './inbox.js';
import type { OpenedMessage } from './payload/message-reader.js';
import { RunRoom } from './run-room.js';

/** What a run came to that did not throw. `'released'`: it never began, and the message should go back. */
export type Completion = 'handled' | 'duplicate' | 'released';

/** Runs one handler, as many times at once and for as long as it may. */
export class HandlerRunner {
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
  admit({ id }: IncomingMessage): boolean | Promise<boolean> {
    return this.room.admit(id);
  }

  leave(): void {
    this.room.leave();
  }

  /** Rejects with the error that counts for the outcome; `undefined` is a run that was simply handled. */
  run(opened: OpenedMessage, delivery: Pick<Delivery, 'lost'>): Promise<Completion | void> {
    const run = new HandlerRun(this.handler, () => delivery.lost);
    if (!this.room.limited && !this.inbox) return this.invoke(opened, run);
    const work: Promise<Completion | void> = this.inbox
      ? this.inTransaction(this.inbox, opened, delivery, run)
      : this.timed(opened, run);
    this.room.enter([opened.message.id], work, run);
    return this.handler.timeout === undefined ? work : run.watch(work);
  }

  /** When the run of an event ends that is past its timeout; `undefined` if there is none. */
  overdue(id: string): Promise<void> | undefined {
    return this.room.overdue(id);
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
        await this.timed(opened, run, manager);
        return [];
      },
      get abandoned() {
        return run.abandoned;
      },
    });
    if (!standings) return 'released';
    return standings[0] === 'handled' ? 'duplicate' : 'handled';
  }

  private async timed(opened: OpenedMessage, run: HandlerRun, manager?: EntityManager): Promise<void> {
    run.begin();
    try {
      await this.invoke(opened, run, manager);
    } finally {
      run.end();
    }
  }

  private invoke(opened: OpenedMessage, run: HandlerRun, manager?: EntityManager): Promise<void> {
    const { handler } = this;
    const { message, payload } = opened;
    try {
      const context = new EventContext(message, this.queue, run, manager);
      const decoded = payload(handler.form);
      return this.tracking.run(chainBehind(message), () => handler.invoke(decoded, context));
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }
}
