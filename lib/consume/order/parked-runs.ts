import type { Delivery, EventSubscriber, IncomingMessage } from '../../broker/subscriber.js';
import type { ParkedEvent } from '../../store/parking-store.js';
import type { Attempt, Attempts } from '../attempts.js';
import { stillOurs } from '../still-ours.js';
import type { DeliveryTeller } from '../delivery-teller.js';
import type { Drain } from '../drain.js';
import { identityOf } from '../event-identity.js';
import { describeFailure, failureOf } from '../failure.js';
import type { HandlerRunner } from '../handler-runner.js';
import type { Outcome } from '../outcome.js';
import type { MessageReader, OpenedMessage } from '../payload/message-reader.js';
import type { Router } from '../router.js';
import type { Forwarding } from '../settler.js';
import type { Hold } from './hold.js';
import { BEHIND } from './seat.js';

/** Milliseconds that one reminder may keep a consumer: RabbitMQ takes a message back that is held for too long. */
const LONGEST_VISIT = 10_000;

export type ParkingBroker = Pick<EventSubscriber, 'wakeLater' | 'deadLetter' | 'restore'>;

/** How the events of a key that failed wait, and are handled when it is time: in order, each with attempts of its own. */
export class ParkedRuns {
  constructor(
    private readonly queue: string,
    private readonly reader: MessageReader,
    private readonly router: Router<HandlerRunner>,
    private readonly attempts: Attempts,
    private readonly teller: DeliveryTeller,
    private readonly drain: Drain,
    private readonly broker: ParkingBroker,
    private readonly onDead: 'park' | 'continue',
  ) {}

  /** What becomes of an event that failed although none of its key was parked: it is the first of them. */
  forwarding(hold: Hold, key: string, { outcome }: Attempt): Forwarding {
    const { broker, queue } = this;
    const error = textOf(outcome);
    return {
      retryLater: async (message, _queue, delay) => {
        const failed = { attempts: message.attempt, state: 'waiting', delay, error } as const;
        await hold.once((seat) => seat.park(message, key, failed));
        await broker.wakeLater(queue, key, delay);
      },
      deadLetter: async (message, _queue, failure) => {
        const failed = { attempts: message.attempt, state: 'dead', delay: undefined, error } as const;
        if (this.onDead === 'park') await hold.once((seat) => seat.park(message, key, failed));
        await broker.deadLetter(message, queue, failure);
      },
    };
  }

  /** An event whose key must not be worked on yet, although none of it is parked. Spends no attempt. */
  async putOff(hold: Hold, key: string, message: IncomingMessage, delay: number): Promise<boolean> {
    const failed = { attempts: message.attempt - 1, state: 'waiting', delay, error: undefined } as const;
    const parked = await hold.until((seat) => seat.park(message, key, failed));
    return parked !== undefined && this.remind(hold, key, delay);
  }

  /** An event of a key that is parked. `'free'`: it is no more. */
  async behind(
    hold: Hold,
    key: string,
    runner: HandlerRunner,
    opened: OpenedMessage,
    delivery: Delivery,
  ): Promise<'free' | 'settled'> {
    const parked = await hold.until(async (seat) =>
      seat.isParked(key) ? seat.park(opened.message, key, BEHIND) : 'free',
    );
    if (parked?.value === 'free') return 'free';
    const safe = parked && (parked.value || (await this.isBack(hold, key, runner, opened, delivery)));
    if (safe) delivery.ack();
    else delivery.requeue();
    return 'settled';
  }

  /** Somebody reminds us of the key. Handles what waits, as far as it is due. */
  async wake(hold: Hold, key: string, delivery: Delivery): Promise<void> {
    const deadline = Date.now() + LONGEST_VISIT;
    for (let step: Step = 'next'; ;) {
      if (step === 'next') step = await this.step(hold, key, delivery, deadline);
      if (step === 'over') return delivery.requeue();
      if (step === 'done') return delivery.ack();
    }
  }

  private async step(hold: Hold, key: string, delivery: Delivery, deadline: number): Promise<Step> {
    if (this.drain.signal.aborted) return 'over';
    const found = await hold.until((seat) => seat.head(key));
    if (!found) return 'over';
    const head = found.value;
    // A dead one waits until somebody puts it back, or has it skipped.
    if (!head || head.state === 'dead') return 'done';
    if (head.dueIn > 0) return doneIf(await this.remind(hold, key, head.dueIn));
    if (Date.now() > deadline) return doneIf(await this.remind(hold, key, 0));
    return this.run(hold, head, delivery);
  }

  private run(hold: Hold, head: ParkedEvent, delivery: Delivery): Promise<Step> {
    const { properties, body } = head.message;
    const message = {
      ...this.broker.restore(properties, body),
      attempt: head.attempts + 1,
      redelivered: delivery.message.redelivered,
    };
    const opened = this.reader.open(message);
    const runner = this.router.runnerFor(opened.message);
    this.teller.received(opened.message, runner?.handler);
    return this.attempt(hold, head, runner, opened, delivery);
  }

  private async attempt(
    hold: Hold,
    head: ParkedEvent,
    runner: HandlerRunner | undefined,
    opened: OpenedMessage,
    delivery: Delivery,
  ): Promise<Step> {
    const { message } = opened;
    if (runner && !(await stillOurs(runner.admit(message), runner, delivery))) return 'over';
    const attempt = runner
      ? await this.attempts.make(runner, opened, delivery)
      : this.router.unmatched(message);
    const { outcome, duration } = attempt;
    if (outcome.kind === 'released') return 'over';
    const step = await this.settle(hold, head, message, outcome);
    if (step !== 'over') this.teller.settled(message, runner?.handler, outcome, duration);
    return step;
  }

  private settle(hold: Hold, head: ParkedEvent, message: IncomingMessage, outcome: Outcome): Promise<Step> {
    if (outcome.kind === 'retry') return this.later(hold, head, message, outcome);
    if (outcome.kind === 'dead') return this.died(hold, head, message, outcome);
    return this.remove(hold, head);
  }

  private async remove(hold: Hold, head: ParkedEvent): Promise<Step> {
    return (await hold.until((seat) => seat.remove(head))) ? 'next' : 'over';
  }

  private async later(
    hold: Hold,
    head: ParkedEvent,
    { attempt }: IncomingMessage,
    outcome: Extract<Outcome, { kind: 'retry' }>,
  ): Promise<Step> {
    const { delay } = outcome;
    const error = textOf(outcome) ?? '';
    const postponed = await hold.until((seat) => seat.postpone(head, attempt, delay, error));
    return postponed ? doneIf(await this.remind(hold, head.key, delay)) : 'over';
  }

  /** The dead letter first: a crash in between makes another one, and not none. */
  private async died(
    hold: Hold,
    head: ParkedEvent,
    message: IncomingMessage,
    outcome: Extract<Outcome, { kind: 'dead' }>,
  ): Promise<Step> {
    const failure = failureOf(outcome.error);
    const safe = await hold.until(() => this.broker.deadLetter(message, this.queue, failure));
    if (!safe) return 'over';
    if (this.onDead === 'continue') return this.remove(hold, head);
    const error = textOf(outcome) ?? '';
    return doneIf(await hold.until((seat) => seat.bury(head, message.attempt, error)));
  }

  /**
   * An event that waits already is here again: after a crash before its ack; or, if it is the dead one its key waits for,
   * because somebody has put it back. Whether it may be acked.
   */
  private async isBack(
    hold: Hold,
    key: string,
    runner: HandlerRunner,
    opened: OpenedMessage,
    delivery: Delivery,
  ): Promise<boolean> {
    const found = await hold.until((seat) => seat.head(key));
    if (!found) return false;
    const head = found.value;
    if (head?.id !== identityOf(opened.message)) return true;
    if (head.state === 'waiting') return this.remind(hold, key, Math.max(0, head.dueIn));
    const step = await this.attempt(hold, head, runner, opened, delivery);
    return step === 'next' ? this.remind(hold, key, 0) : step === 'done';
  }

  async remind(hold: Hold, key: string, delay: number): Promise<boolean> {
    return (await hold.until(() => this.broker.wakeLater(this.queue, key, delay))) !== undefined;
  }
}

/** `'next'`: on to the next event of the key. `'done'`: nothing more for now. `'over'`: not to be gone on with here. */
type Step = 'next' | 'done' | 'over';

const doneIf = (done: unknown): Step => (done ? 'done' : 'over');

const textOf = (outcome: Outcome): string | undefined =>
  'error' in outcome ? describeFailure(outcome.error) : undefined;
