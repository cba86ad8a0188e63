import type { Logger } from '@nestjs/common';
import type { Delivery, EventSubscriber, IncomingMessage } from '../broker/subscriber.js';
import { backoffDelay, type Backoff } from '../policy/backoff.js';
import { Seldom } from '../policy/seldom.js';
import { sleep } from '../policy/waiting.js';
import type { DeliveryTeller } from './delivery-teller.js';
import { describeFailure, failureOf } from './failure.js';
import type { Handler } from './handler.js';
import type { Outcome, Settled } from './outcome.js';

export type Forwarding = Pick<EventSubscriber, 'retryLater' | 'deadLetter'>;

/** What a delivery came to. */
export interface Handled {
  readonly delivery: Delivery;
  /** With what its envelope tells of the event. */
  readonly message: IncomingMessage;
  /** Absent when no handler of the queue is for it. */
  readonly handler: Handler | undefined;
  readonly outcome: Outcome;
  /** Milliseconds that the handler took. */
  readonly duration: number;
}

/**
 * Waits between attempts to put a retry or a dead letter in safety. Random, because a copy that cannot get there takes
 * the channel down, and with it those that are on their way at the same moment: they must not meet again and again.
 */
const FORWARD_BACKOFF: Backoff = { delay: 200, factor: 2, maxDelay: 10_000, jitter: 'full' };

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

  async settle(handled: Handled): Promise<void> {
    const { delivery, message, outcome } = handled;
    if (outcome.kind === 'released') return delivery.requeue();
    const safe = leavesNothing(outcome) || (await this.secure(message, delivery, outcome));
    if (!safe) return delivery.requeue();
    delivery.ack();
    this.teller.settled(message, handled.handler, outcome, handled.duration);
  }

  /** Whether nothing is lost if the original goes. */
  private secure(message: IncomingMessage, { lost }: Delivery, outcome: Forwarded): Promise<boolean> {
    const { forwarding, queue } = this;
    if (outcome.kind === 'retry')
      return this.forward(message, lost, () => forwarding.retryLater(message, queue, outcome.delay));
    const failure = failureOf(outcome.error);
    return this.forward(message, lost, () => forwarding.deadLetter(message, queue, failure));
  }

  /** Tries until the copy is safe, unless the channel goes or the process has to stop. */
  private async forward(
    message: IncomingMessage,
    lost: AbortSignal,
    send: () => Promise<void>,
  ): Promise<boolean> {
    const over = [lost, this.stopping];
    for (let attempt = 1; !over.some(({ aborted }) => aborted); attempt++) {
      try {
        await send();
        return true;
      } catch (error) {
        this.notSafeYet(message, error);
        await sleep(backoffDelay(FORWARD_BACKOFF, attempt), over);
      }
    }
    return false;
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
