import type { IncomingMessage } from '../broker/subscriber.js';
import type { Telling } from '../lifecycle/lifecycle.js';
import type { DeliveredEvent, LifecycleName, SettledEvent } from '../lifecycle/messages.js';
import type { Handler } from './handler.js';
import type { Settled } from './outcome.js';

/** Tells the lifecycle of one queue's deliveries. Nothing is put together for what nobody listens to. */
export class DeliveryTeller {
  constructor(
    private readonly lifecycle: Telling,
    private readonly queue: string,
  ) {}

  received(message: IncomingMessage, handler: Handler | undefined): void {
    if (this.lifecycle.heard('received')) this.lifecycle.tell('received', this.delivered(message, handler));
  }

  /** `duration` is the handler's, in ms. */
  settled(message: IncomingMessage, handler: Handler | undefined, outcome: Settled, duration: number): void {
    if (!NAMES[outcome.kind].some((name) => this.lifecycle.heard(name))) return;
    const event = this.delivered(message, handler) as Timed;
    event.duration = duration;
    this.tell(outcome, event);
  }

  private tell(outcome: Settled, event: SettledEvent): void {
    const { lifecycle } = this;
    if (outcome.kind === 'handled' || outcome.kind === 'duplicate')
      return lifecycle.tell(outcome.kind, event);
    const failed = { ...event, error: outcome.error };
    if (outcome.kind === 'aborted') return lifecycle.tell('aborted', failed);
    if (outcome.kind === 'retry') return lifecycle.tell('retried', { ...failed, delay: outcome.delay });
    const { reason } = outcome;
    if (reason === 'rejected') lifecycle.tell('rejected', failed);
    lifecycle.tell('dead-lettered', { ...failed, reason });
  }

  private delivered(message: IncomingMessage, handler: Handler | undefined): DeliveredEvent {
    const { id, type, key = null, attempt, redelivered } = message;
    return { id, type, key, queue: this.queue, handler: handler?.name ?? null, attempt, redelivered };
  }
}

type Timed = DeliveredEvent & { duration: number };

const NAMES: Readonly<Record<Settled['kind'], readonly LifecycleName[]>> = {
  handled: ['handled'],
  duplicate: ['duplicate'],
  aborted: ['aborted'],
  retry: ['retried'],
  dead: ['rejected', 'dead-lettered'],
};
