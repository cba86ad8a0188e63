import type { Delivery } from '../broker/subscriber.js';
import type { TracingSlot } from '../lifecycle/tracing.js';
import type { Completion, HandlerRunner } from './handler-runner.js';
import { isPassing, outcomeOf, type Outcome } from './outcome.js';
import type { OpenedMessage } from './payload/message-reader.js';
import { stillOurs } from './still-ours.js';

const OUTCOME: Readonly<Record<Completion, Outcome>> = {
  handled: { kind: 'handled' },
  duplicate: { kind: 'duplicate' },
  released: { kind: 'released' },
};

export interface Attempt {
  readonly outcome: Outcome;
  /** Milliseconds that the handler took. */
  readonly duration: number;
}

/**
 * Runs handlers, and decides what that means for the message. Never throws. There are no more promises than it takes: each
 * costs every message time, most of it where an asynchronous context follows them.
 */
export class Attempts {
  constructor(private readonly tracing: Pick<TracingSlot, 'active'>) {}

  async make(runner: HandlerRunner, opened: OpenedMessage, delivery: Run): Promise<Attempt> {
    const started = performance.now();
    const outcome = await this.traced(runner, opened, delivery);
    return { outcome, duration: performance.now() - started };
  }

  private traced(runner: HandlerRunner, opened: OpenedMessage, delivery: Run): Promise<Outcome> {
    const tracer = this.tracing.active;
    const run = () => this.run(runner, opened, delivery, runner.handler.retry.immediate ?? 0);
    return tracer ? tracer.handling([opened.message], runner.place, run) : run();
  }

  private run(
    runner: HandlerRunner,
    opened: OpenedMessage,
    delivery: Run,
    repeats: number,
  ): Promise<Outcome> {
    return runner.run(opened, delivery).then(
      (completion) => OUTCOME[completion],
      async (error) => {
        const { message } = opened;
        const outcome = outcomeOf(error, message.attempt, runner.handler.retry);
        if (repeats === 0 || !isPassing(error, outcome)) return outcome;
        // Cut short by a shutdown or a lost channel, it has had no attempt.
        if (!(await stillOurs(runner.admit(message), runner, delivery))) return OUTCOME.released;
        return this.run(runner, opened, delivery, repeats - 1);
      },
    );
  }
}

/** What a run needs to know of how its message came. */
export type Run = Pick<Delivery, 'lost'>;
