import type { Delivery } from '../../broker/subscriber.js';
import { settledOrAborted } from '../../policy/waiting.js';
import type { Attempt, Attempts } from '../attempts.js';
import type { Pipeline } from '../delivery.js';
import { stillOurs } from '../still-ours.js';
import type { DeliveryTeller } from '../delivery-teller.js';
import type { Drain } from '../drain.js';
import type { HandlerRunner } from '../handler-runner.js';
import type { MessageReader, OpenedMessage } from '../payload/message-reader.js';
import type { Router } from '../router.js';
import type { Settler } from '../settler.js';
import { Hold } from './hold.js';
import { keyOf } from './key-of.js';
import { KeyTurns } from './key-turns.js';
import type { ParkedRuns } from './parked-runs.js';
import type { Seats } from './seats.js';

/** Milliseconds until we look again whether a run has ended that is past its timeout and goes on. */
const BUSY_DELAY = 1_000;

/**
 * The deliveries of an ordered queue: those of one key one after the other, different keys at once. Each waits for its
 * turn; behind an event of its key that failed it is parked, or else handled; and when it fails, its key is parked.
 */
export class OrderedPipeline implements Pipeline {
  private readonly turns = new KeyTurns();
  /** Keys with a run that is past its timeout and goes on. */
  private readonly busy = new Map<string, Promise<void>>();

  constructor(
    private readonly reader: MessageReader,
    private readonly router: Router<HandlerRunner>,
    private readonly attempts: Attempts,
    private readonly settler: Settler,
    private readonly teller: DeliveryTeller,
    private readonly drain: Drain,
    private readonly seats: Seats,
    private readonly parked: ParkedRuns,
    /** Aborts when waiting is over. */
    private readonly stopping: AbortSignal,
    private readonly failed: (error: unknown) => void,
  ) {}

  async process(delivery: Delivery): Promise<void> {
    const { wakes } = delivery.message;
    if (wakes !== undefined) return this.inTurn(wakes, delivery, (hold) => this.wake(hold, wakes, delivery));
    const opened = this.reader.open(delivery.message);
    const { message } = opened;
    const runner = this.router.runnerFor(message);
    const handler = runner?.handler;
    this.teller.received(message, handler);
    if (!runner)
      return this.settler.settle({ delivery, message, handler, ...this.router.unmatched(message) });
    const key = keyOf(message);
    if (key === undefined) return this.handle(runner, opened, delivery);
    return this.inTurn(key, delivery, (hold) => this.keyed(hold, key, runner, opened, delivery));
  }

  /** Turns are taken as deliveries come: nothing may be awaited before. */
  private async inTurn(key: string, delivery: Delivery, work: (hold: Hold) => Promise<void>): Promise<void> {
    const turn = this.turns.take(key);
    try {
      const hold = await this.hold(turn.come, delivery);
      if (hold) await work(hold);
      else delivery.requeue();
    } finally {
      turn.leave();
    }
  }

  /** `undefined` if it must not begin any more. */
  private async hold(come: Promise<void> | undefined, delivery: Delivery): Promise<Hold | undefined> {
    const over = [this.drain.signal, delivery.lost];
    if (come) await settledOrAborted(come, over);
    if (over.some(({ aborted }) => aborted)) return undefined;
    const seat = await this.seats.of(delivery.session, over);
    return seat && new Hold(seat, this.seats, delivery, this.stopping, this.failed);
  }

  private async wake(hold: Hold, key: string, delivery: Delivery): Promise<void> {
    if (!this.busy.has(key)) return this.parked.wake(hold, key, delivery);
    const reminded = await this.parked.remind(hold, key, BUSY_DELAY);
    if (reminded) delivery.ack();
    else delivery.requeue();
  }

  private async keyed(
    hold: Hold,
    key: string,
    runner: HandlerRunner,
    opened: OpenedMessage,
    delivery: Delivery,
  ): Promise<void> {
    if (hold.isParked(key)) {
      const result = await this.parked.behind(hold, key, runner, opened, delivery);
      if (result === 'settled') return;
    }
    if (this.busy.has(key)) return this.putOff(hold, key, opened, delivery);
    await this.handle(runner, opened, delivery, (attempt) => this.parked.forwarding(hold, key, attempt));
    this.noteOverdue(key, runner, opened);
  }

  private async handle(
    runner: HandlerRunner,
    opened: OpenedMessage,
    delivery: Delivery,
    forwarding?: (attempt: Attempt) => ReturnType<ParkedRuns['forwarding']>,
  ): Promise<void> {
    const { message } = opened;
    if (!(await stillOurs(runner.admit(message), runner, delivery))) return delivery.requeue();
    const attempt = await this.attempts.make(runner, opened, delivery);
    const handled = { delivery, message, handler: runner.handler, ...attempt };
    await this.settler.settle(handled, forwarding?.(attempt));
  }

  private async putOff(
    hold: Hold,
    key: string,
    { message }: OpenedMessage,
    delivery: Delivery,
  ): Promise<void> {
    if (await this.parked.putOff(hold, key, message, BUSY_DELAY)) delivery.ack();
    else delivery.requeue();
  }

  /** One at a time: also if nobody waits for it any more. */
  private noteOverdue(key: string, runner: HandlerRunner, { message }: OpenedMessage): void {
    const overdue = runner.overdue(message.id);
    if (!overdue) return;
    const run = overdue.then(() => {
      if (this.busy.get(key) === run) this.busy.delete(key);
    });
    this.busy.set(key, run);
  }
}
