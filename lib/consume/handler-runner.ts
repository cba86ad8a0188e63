import type { Delivery, IncomingMessage } from '../broker/subscriber.js';
import { HandlerTimeoutError } from '../errors/handler-timeout.error.js';
import { continueChain, type Tracking } from '../event/tracking.js';
import { EventContext } from './event-context.js';
import type { Handler } from './handler.js';
import type { OpenedMessage } from './payload/message-reader.js';
import { RunSignal } from './run-signal.js';
import { Slots } from './slots.js';

/** Runs one handler, as many times at once and for as long as it may. */
export class HandlerRunner {
  /** Absent while the prefetch is the only limit there is. */
  private readonly slots: Slots | undefined;
  /** By event id: runs that are past their timeout and go on. */
  private readonly overdue = new Map<string, Promise<void>>();
  private readonly closing = new Set<() => void>();
  /** For tracers. */
  readonly place: { readonly queue: string; readonly handler: string };

  constructor(
    readonly handler: Handler,
    private readonly queue: string,
    private readonly tracking: Tracking,
  ) {
    const { concurrency, prefetch, timeout } = handler;
    this.place = { queue, handler: handler.name };
    // A run past its timeout goes on when its message is settled, so that the prefetch counts it no more.
    if (concurrency < prefetch || timeout !== undefined) this.slots = new Slots(concurrency);
  }

  /**
   * Whether a run may begin, now or after a wait for its place; not if the runner is closed meanwhile. Waits, too, for an
   * earlier run of the same event that is past its timeout. Each `true` must be followed by one `run()` or `leave()`.
   */
  admit({ id }: IncomingMessage): boolean | Promise<boolean> {
    if (!this.slots) return true;
    const earlier = this.overdue.get(id);
    return earlier ? this.admitAfter(earlier, this.slots) : this.slots.take();
  }

  leave(): void {
    this.slots?.give();
  }

  /** Rejects with the error that counts for the outcome. */
  async run({ message, payload }: OpenedMessage, delivery: Delivery): Promise<void> {
    const signal = new RunSignal(() => delivery.lost);
    const context = new EventContext(message, this.queue, signal);
    const running = this.tracking.run(continueChain(message), () => this.invoke(payload, context));
    if (!this.slots) return running;
    const ended = running.finally(() => this.leave()).catch(noop);
    const { timeout } = this.handler;
    if (timeout === undefined) return running;
    return this.atMost(timeout, running, (error) => {
      this.goesOn(message, ended);
      signal.abort(error);
    });
  }

  close(): void {
    this.slots?.close();
    for (const send of this.closing) send();
  }

  reopen(): void {
    this.slots?.reopen();
  }

  private async invoke(payload: OpenedMessage['payload'], context: EventContext): Promise<void> {
    await this.handler.invoke(payload(this.handler.form), context);
  }

  private async admitAfter(earlier: Promise<void>, slots: Slots): Promise<boolean> {
    let send: () => void = noop;
    const closed = new Promise<void>((resolve) => (send = resolve));
    this.closing.add(send);
    await Promise.race([earlier, closed]);
    this.closing.delete(send);
    return slots.take();
  }

  private atMost(timeout: number, running: Promise<void>, over: (error: Error) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const error = new HandlerTimeoutError(this.handler.name, timeout);
        reject(error);
        over(error);
      }, timeout);
      void running.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  private goesOn({ id }: IncomingMessage, ended: Promise<void>): void {
    if (id === '') return;
    const run = ended.then(() => {
      if (this.overdue.get(id) === run) this.overdue.delete(id);
    });
    this.overdue.set(id, run);
  }
}

const noop = () => undefined;
