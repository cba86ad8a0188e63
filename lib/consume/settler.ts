import type { Logger } from '@nestjs/common';
import type { Delivery, EventSubscriber, IncomingMessage } from '../broker/subscriber.js';
import { patiently } from '../policy/patience.js';
import { Seldom } from '../policy/seldom.js';
import type { Attempt } from './attempts.js';
import type { DeliveryTeller } from './delivery-teller.js';
import { describeFailure, failureOf } from './failure.js';
import type { Handler } from './handler.js';
import type { Settled } from './outcome.js';

export type Forwarding = Pick<EventSubscriber, 'retryLater' | 'deadLetter'>;

/** What a delivery came to. */
export interface Handled extends Attempt {
  readonly delivery: Delivery;
  /** With what its envelope tells of the event. */
  readonly message: IncomingMessage;
  /** Absent when no handler of the queue is for it. */
  readonly handler: Handler | undefined;
}

/**
 * Puts outcomes into effect: the one place where the deliveries of a queue are settled. The original is acked only when
 * its retry or dead letter is safe on the broker, so no failure on the way can lose it; a crash in between delivers it
 * again.
 */
export class Settler {
  private readonly seldom = new Seldom();

  constructor(
    private readonly queue: string,
    private readonly forwarding: Forwarding,
    /** Aborts when waiting is over: what is not settled then goes back to its queue. */
    private readonly stopping: AbortSignal,
    private readonly teller: DeliveryTeller,
    private readonly logger: Pick<Logger, 'warn' | 'error'>,
  ) {}

  /**
   * Resolves when it is done; at once, without a promise, where nothing has to be sent before.
   * @param forwarding where retries and dead letters go, if not to the queues for them
   */
  settle(handled: Handled, forwarding = this.forwarding): Promise<void> | undefined {
    const { delivery, outcome } = handled;
    if (outcome.kind === 'released') delivery.requeue();
    else if (leavesNothing(outcome)) this.done(handled, outcome);
    else return this.forwardAndSettle(handled, outcome, forwarding);
    return undefined;
  }

  private async forwardAndSettle(
    handled: Handled,
    outcome: Forwarded,
    forwarding: Forwarding,
  ): Promise<void> {
    const { delivery, message } = handled;
    if (await this.secure(message, delivery, outcome, forwarding)) this.done(handled, outcome);
    else delivery.requeue();
  }

  private done({ delivery, message, handler, duration }: Handled, outcome: Settled): void {
    delivery.ack();
    this.teller.settled(message, handler, outcome, duration);
  }

  /** Whether nothing is lost if the original goes. Tries until it is, unless its channel goes or the process has to stop. */
  private async secure(
    message: IncomingMessage,
    { lost }: Delivery,
    outcome: Forwarded,
    forwarding: Forwarding,
  ): Promise<boolean> {
    const secured = await patiently(
      () => this.forward(message, outcome, forwarding),
      [lost, this.stopping],
      (error) => this.notSafeYet(message, error),
    );
    return secured !== undefined;
  }

  private forward(message: IncomingMessage, outcome: Forwarded, forwarding: Forwarding): Promise<void> {
    const { queue } = this;
    const failure = failureOf(outcome.error);
    return outcome.kind === 'retry'
      ? forwarding.retryLater(message, queue, outcome.delay, failure)
      : forwarding.deadLetter(message, queue, failure);
  }

  private notSafeYet({ id, type, attempt }: IncomingMessage, error: unknown): void {
    const { queue } = this;
    this.seldom.say('', (alikeSinceLastLine) =>
      this.logger.warn(
        `A retry or dead letter of ${queue} is not safe yet, its message is kept: ${describeFailure(error)}`,
        { queue, event: id, type, attempt, alikeSinceLastLine },
      ),
    );
  }
}

type Forwarded = Extract<Settled, { kind: 'retry' | 'dead' }>;

const leavesNothing = (outcome: Settled): outcome is Exclude<Settled, Forwarded> =>
  outcome.kind !== 'retry' && outcome.kind !== 'dead';
