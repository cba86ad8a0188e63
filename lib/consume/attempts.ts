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

  make(runner: HandlerRunner, opened: OpenedMessage, delivery: Run): Promise<Attempt> {
    const started = performance.now();
    const ended = (outcome: Outcome): Attempt => ({ outcome, duration: performance.now() - started });
    const run = <T>(ends: (outcome: Outcome) => T) =>
      this.run(runner, opened, delivery, runner.handler.retry.immediate ?? 0, ends);
    const tracer = this.tracing.active;
    return tracer ? tracer.handling([opened.message], runner.place, () => run(same)).then(ended) : run(ended);
  }

  private run<T>(
    runner: HandlerRunner,
    opened: OpenedMessage,
    delivery: Run,
    repeats: number,
    ends: (outcome: Outcome) => T,
  ): Promise<T> {
    return runner.run(opened, delivery).then(
      (completion) => ends(OUTCOME[completion || 'handled']),
      async (error) => {
        const { message } = opened;
        const outcome = outcomeOf(error, message.attempt, runner.handler.retry);
        if (repeats === 0 || !isPassing(error, outcome)) return ends(outcome);
        // Cut short by a shutdown or a lost channel, it has had no attempt.
        if (!(await stillOurs(runner.admit(message), runner, delivery))) return ends(OUTCOME.released);
        return this.run(runner, opened, delivery, repeats - 1, ends);
      },
    );
  }
}

const same = (outcome: Outcome) => outcome;

/** What a run needs to know of how its message came. */
export type Run = Pick<Delivery, 'lost'>;
