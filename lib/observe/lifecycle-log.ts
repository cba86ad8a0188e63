import { IntrinsicException, type Logger } from '@nestjs/common';
import { describeFailure, failureOf } from '../consume/failure.js';
import { OutboxError } from '../errors/outbox.error.js';
import type { Lifecycle } from '../lifecycle/lifecycle.js';
import type { DeadLetterAction, FailedDelivery, FailedEvent } from '../lifecycle/messages.js';
import { durationText } from '../policy/duration.js';
import { Seldom } from '../policy/seldom.js';

type Log = Pick<Logger, 'log' | 'warn' | 'error'>;

/** Fields beside the text: Nest's JSON logger (and others) keep them apart. Never a payload or a header. */
type Fields = Readonly<Record<string, string | number | boolean | null>>;

/**
 * Writes into the log what somebody has to know of the events: that some fail, and why. An event that fares well leaves
 * no line, and of failures that are alike there is one in a while, with how many there were.
 */
export class LifecycleLog {
  private readonly seldom = new Seldom();

  constructor(
    private readonly lifecycle: Lifecycle,
    private readonly relay: Log,
    private readonly consumers: Log,
  ) {}

  start(): void {
    this.followRelay();
    this.followConsumers();
    this.followOperators();
  }

  private followRelay(): void {
    const { lifecycle, relay } = this;
    lifecycle.listen('publish-failed', ({ events, outbox }) => {
      for (const event of events) if (event.delay !== null) this.refused(event, event.delay, outbox);
    });
    lifecycle.listen('dead', ({ events, outbox }) => {
      for (const event of events)
        this.seldom.say(`dead ${event.type}`, (more) =>
          relay.error(
            `Event is dead, the broker refused it at every attempt: ${event.error}`,
            fieldsOf(event, outbox, more),
          ),
        );
    });
    lifecycle.listen('unroutable', ({ events, outbox }) => {
      for (const { id, type } of events)
        this.seldom.say(`unroutable ${type}`, (more) =>
          relay.warn(`No queue is bound for "${type}"`, { outbox, event: id, type, ...alike(more) }),
        );
    });
    lifecycle.listen('relay-paused', ({ outbox }) => relay.log('Paused: nothing is published', { outbox }));
    lifecycle.listen('relay-resumed', ({ outbox }) => relay.log('Resumed', { outbox }));
  }

  private refused(event: FailedEvent, delay: number, outbox: string): void {
    this.seldom.say(`refused ${event.type}`, (more) =>
      this.relay.warn(
        `The broker refused an event, it is published again in ${durationText(Math.round(delay))}: ${event.error}`,
        fieldsOf(event, outbox, more),
      ),
    );
  }

  private followConsumers(): void {
    const { lifecycle, consumers } = this;
    lifecycle.listen('retried', (failed) =>
      this.seldom.say(`retried ${failed.queue}`, (more) =>
        consumers.warn(
          `${failed.queue} failed, again in ${durationText(failed.delay)}: ${describeFailure(failed.error)}`,
          { ...deliveryFields(failed, failed.outbox, more), ...stackOf(failed.error) },
        ),
      ),
    );
    lifecycle.listen('dead-lettered', (failed) =>
      this.seldom.say(`dead-lettered ${failed.queue}`, (more) =>
        consumers.error(`${failed.queue} has a dead letter: ${describeFailure(failed.error)}`, {
          ...deliveryFields(failed, failed.outbox, more),
          reason: failed.reason,
          ...stackOf(failed.error),
        }),
      ),
    );
    lifecycle.listen('consumer-paused', ({ queue, outbox }) =>
      consumers.log(`Paused ${queue}`, { outbox, queue }),
    );
    lifecycle.listen('consumer-resumed', ({ queue, outbox }) =>
      consumers.log(`Resumed ${queue}`, { outbox, queue }),
    );
  }

  private followOperators(): void {
    const { lifecycle, consumers, relay } = this;
    const told = (what: string) => (action: DeadLetterAction & { readonly outbox: string }) => {
      const { where, count, outbox } = action;
      const log = where === 'publishing' ? relay : consumers;
      log.log(`${what} ${count} dead ${count === 1 ? 'letter' : 'letters'} (${where})`, {
        outbox,
        where,
        count,
      });
    };
    lifecycle.listen('requeued', told('Requeued'));
    lifecycle.listen('purged', told('Purged'));
  }
}

const alike = (more: number): Fields => (more > 0 ? { alikeSinceLastLine: more } : {});

/** Where it was thrown, unless that was on purpose, or by this library. */
function stackOf(error: unknown): Fields {
  if (error instanceof IntrinsicException || error instanceof OutboxError) return {};
  const { stack } = failureOf(error);
  return stack === undefined ? {} : { stack };
}

const fieldsOf = ({ id, type, key, attempt }: FailedEvent, outbox: string, more: number): Fields => ({
  outbox,
  event: id,
  type,
  key,
  attempt,
  ...alike(more),
});

const deliveryFields = (failed: FailedDelivery, outbox: string, more: number): Fields => ({
  outbox,
  queue: failed.queue,
  handler: failed.handler,
  event: failed.id,
  type: failed.type,
  key: failed.key,
  attempt: failed.attempt,
  ...alike(more),
});
