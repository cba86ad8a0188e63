import type { Logger } from '@nestjs/common';
import type { Delivery, EventSubscriber, IncomingMessage } from '../broker/subscriber.js';
import { matchesPattern } from '../event/pattern.js';
import { continueChain, type Tracking } from '../event/tracking.js';
import type { TracingSlot } from '../lifecycle/tracing.js';
import { backoffDelay, type Backoff } from '../policy/backoff.js';
import { durationText } from '../policy/duration.js';
import type { DeliveryTeller } from './delivery-teller.js';
import { EventContext } from './event-context.js';
import { describeFailure, failureOf } from './failure.js';
import type { Handler, HandlerQueue } from './handler.js';
import { outcomeOf, type Outcome } from './outcome.js';
import type { MessageReader, OpenedMessage } from './payload/message-reader.js';
import { Reject } from './signals.js';

export type Forwarding = Pick<EventSubscriber, 'retryLater' | 'deadLetter'>;

/**
 * Waits between attempts to put a retry or a dead letter in safety. Random, because a copy that cannot get there takes
 * the channel down, and with it those that are on their way at the same moment: they must not meet again and again.
 */
const FORWARD_BACKOFF: Backoff = { delay: 200, factor: 2, maxDelay: 10_000, jitter: 'full' };

/**
 * One message, from delivery to settlement: decode → run → decide → settle. The original is acked only when its retry
 * or dead letter is safe on the broker, so no failure on the way can lose it; a crash in between delivers it again.
 */
export class DeliveryPipeline {
  constructor(
    private readonly queue: HandlerQueue,
    private readonly forwarding: Forwarding,
    private readonly reader: MessageReader,
    private readonly tracking: Tracking,
    /** Aborts when waiting is over: what is not settled then goes back to its queue. */
    private readonly stopping: AbortSignal,
    private readonly teller: DeliveryTeller,
    private readonly tracing: Pick<TracingSlot, 'active'>,
    private readonly logger: Pick<Logger, 'warn' | 'error'>,
  ) {}

  async process(delivery: Delivery): Promise<void> {
    const opened = this.reader.open(delivery.message);
    const { message } = opened;
    const handler = this.handlerFor(message);
    this.teller.received(message, handler);
    const started = performance.now();
    const outcome = handler ? await this.trace(handler, opened, delivery) : unmatched(message, this.queue);
    const duration = performance.now() - started;
    const safe = await this.secure(message, delivery, outcome);
    if (!safe) return delivery.requeue();
    delivery.ack();
    this.report(message, outcome);
    this.teller.settled(message, handler, outcome, duration);
  }

  /** A message that was put on the queue directly, without an event's routing key, belongs to its only handler. */
  private handlerFor({ routingKey, type }: IncomingMessage): Handler | undefined {
    const { handlers, name } = this.queue;
    const direct = routingKey === name;
    if (direct && handlers.length === 1) return handlers[0];
    const known = direct ? type : routingKey;
    return handlers.find(({ patterns }) => patterns.some((pattern) => matchesPattern(pattern, known)));
  }

  private trace(handler: Handler, opened: OpenedMessage, delivery: Delivery): Promise<Outcome> {
    const run = () => this.run(handler, opened, delivery);
    const where = { queue: this.queue.name, handler: handler.name };
    return this.tracing.active?.handling([opened.message], where, run) ?? run();
  }

  private async run(handler: Handler, opened: OpenedMessage, { lost }: Delivery): Promise<Outcome> {
    const { message } = opened;
    try {
      const payload = opened.payload(handler.form);
      const context = new EventContext(message, this.queue.name, lost);
      await this.tracking.run(continueChain(message), () => handler.invoke(payload, context));
      return { kind: 'handled' };
    } catch (error) {
      return outcomeOf(error, message.attempt, handler.retry);
    }
  }

  /** Whether nothing is lost if the original goes. */
  private async secure(message: IncomingMessage, delivery: Delivery, outcome: Outcome): Promise<boolean> {
    const queue = this.queue.name;
    if (outcome.kind === 'retry') {
      return this.forward(message, delivery, () => this.forwarding.retryLater(message, queue, outcome.delay));
    }
    if (outcome.kind === 'dead') {
      const failure = failureOf(outcome.error);
      return this.forward(message, delivery, () => this.forwarding.deadLetter(message, queue, failure));
    }
    return true;
  }

  /** Tries until the copy is safe, unless the channel goes or the process has to stop. */
  private async forward(
    message: IncomingMessage,
    { lost }: Delivery,
    send: () => Promise<void>,
  ): Promise<boolean> {
    const over = [lost, this.stopping];
    for (let attempt = 1; !over.some(({ aborted }) => aborted); attempt++) {
      try {
        await send();
        return true;
      } catch (error) {
        this.logger.warn(
          `${this.describe(message)}: its retry or dead letter is not safe yet: ${describeFailure(error)}`,
        );
        await sleep(backoffDelay(FORWARD_BACKOFF, attempt), over);
      }
    }
    return false;
  }

  private report(message: IncomingMessage, outcome: Outcome): void {
    if (outcome.kind === 'retry') {
      const { delay, error } = outcome;
      this.logger.warn(
        `${this.describe(message)} failed, again in ${durationText(delay)}: ${describeFailure(error)}`,
      );
    } else if (outcome.kind === 'dead') {
      this.logger.error(`${this.describe(message)} is a dead letter: ${describeFailure(outcome.error)}`);
    }
  }

  private describe(message: IncomingMessage): string {
    return `${this.queue.name}, event ${message.id} (${message.type}), attempt ${message.attempt}`;
  }
}

/** Left over from a pattern the handler once had (bindings are never removed), or sent to the queue by somebody else. */
function unmatched({ routingKey }: IncomingMessage, { name, handlers }: HandlerQueue): Outcome {
  const patterns = handlers.flatMap((handler) => handler.patterns).map((pattern) => `"${pattern}"`);
  const reason = `no handler of queue ${name} is for "${routingKey}": its patterns are ${patterns.join(', ')}`;
  return {
    kind: 'dead',
    reason: 'unmatched',
    error: new Reject(`${reason}. If the queue is still bound for it, remove that binding.`),
  };
}

/** Ends early when a signal aborts. */
function sleep(ms: number, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    for (const signal of signals) signal.addEventListener('abort', done);
    function done() {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
