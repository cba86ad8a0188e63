/** What identifies an event. No lifecycle message carries a payload or headers. */
export interface EventRef {
  /** The same from `emit()` to every handler; `''` for a foreign message without one. */
  readonly id: string;
  readonly type: string;
  readonly key: string | null;
}

/** An event in the hands of the relay. */
export interface RelayedEvent extends EventRef {
  /** 1 for the first attempt to publish it. */
  readonly attempt: number;
  /** The trace it was emitted in, as W3C writes it, if its emitter was traced. */
  readonly traceparent: string | null;
}

export interface PublishedEvent extends RelayedEvent {
  /** When it was emitted: milliseconds since 1970, by the database's clock. */
  readonly occurredAt: number;
}

export interface FailedEvent extends RelayedEvent {
  readonly error: string;
  /** Milliseconds until the next attempt; `null` when there is none: it is dead. */
  readonly delay: number | null;
}

/** One event in the hands of one handler's queue. */
export interface DeliveredEvent extends EventRef {
  readonly queue: string;
  /** `Class.method`; `null` when none on the queue is for it. */
  readonly handler: string | null;
  /** 1 at the first attempt to handle it. */
  readonly attempt: number;
  /** The broker has delivered it before. */
  readonly redelivered: boolean;
}

/** A delivery that is settled: the broker has the ack. */
export interface SettledEvent extends DeliveredEvent {
  /** Milliseconds that the handler took, with its guards, pipes and filters; of a batch, that the batch took. */
  readonly duration: number;
}

export interface FailedDelivery extends SettledEvent {
  readonly error: unknown;
}

/** Dead letters that an operator put back, or deleted. */
export interface DeadLetterAction {
  /** `'publishing'` for dead rows of the outbox, or the queue of the handler they died at. */
  readonly where: string;
  readonly count: number;
  /** Ids of the events. */
  readonly ids: readonly string[];
}

/** What happens to events and to what carries them, by name. The name is also the end of the channel's name. */
export interface LifecycleMessages {
  /** A transaction with these events has committed. Told by the process that emitted. */
  readonly emitted: {
    readonly events: readonly EventRef[];
    /** How many of them were in the outbox already, and were not written again. */
    readonly duplicates: number;
  };

  /** Confirmed by the broker, and settled in the outbox: one message per settled batch. */
  readonly published: {
    readonly events: readonly PublishedEvent[];
    /** Milliseconds from handing the batch to the broker until it was settled. */
    readonly duration: number;
  };
  /** Taken by the broker, but no queue was bound. With `unroutable: 'record'` they are among the `published`, too. */
  readonly unroutable: { readonly events: readonly EventRef[] };
  /** The broker refused them; those that have no attempt left are among the `dead`, too. */
  readonly 'publish-failed': { readonly events: readonly FailedEvent[]; readonly duration: number };
  /** Never published: their attempts are used up. They rest in the outbox until somebody acts. */
  readonly dead: { readonly events: readonly FailedEvent[] };
  /** The relay has recorded the outcomes of a batch. Counts of events. */
  readonly 'batch-settled': {
    readonly published: number;
    readonly failed: number;
    /** Left pending because the broker's answer never came. */
    readonly unknown: number;
    /** Milliseconds from handing the batch to the broker until the outcomes were on record. */
    readonly duration: number;
  };
  /** The relay stops claiming for a while: the database or the broker is in trouble. */
  readonly 'breaker-opened': { readonly reason: string };
  readonly 'breaker-closed': object;
  /** `OutboxRelay.pause()`. */
  readonly 'relay-paused': object;
  /** `OutboxRelay.resume()`. */
  readonly 'relay-resumed': object;
  /** Lanes this relay works from now on. */
  readonly 'lane-gained': { readonly lanes: readonly number[] };
  /** Lanes this relay no longer works: given up to another, or cut off. */
  readonly 'lane-lost': { readonly lanes: readonly number[] };
  /** Rows that outlived their retention were deleted. */
  readonly pruned: { readonly count: number };

  /** A message has been delivered to a handler's queue in this process. */
  readonly received: DeliveredEvent;
  /** The handler has returned. */
  readonly handled: SettledEvent;
  /** The handler has thrown; it runs again after `delay` ms. */
  readonly retried: FailedDelivery & { readonly delay: number };
  /** Refused for good (`Reject`, a 4xx, a failed validation, `retryIf`). `dead-lettered` is told as well. */
  readonly rejected: FailedDelivery;
  /** On the dead-letter queue: refused for good, or its attempts are used up, or no handler is for it. */
  readonly 'dead-lettered': FailedDelivery & { readonly reason: 'rejected' | 'exhausted' | 'unmatched' };
  /** Dropped on purpose: the handler threw `Abort`. */
  readonly aborted: FailedDelivery;
  /** Handled before, as the inbox knows: acked without running the handler. */
  readonly duplicate: SettledEvent;
  /** Told once per outage of a consumer, and again when the reason changes. */
  readonly 'consumer-lost': { readonly queue: string; readonly reason: string };
  readonly 'consumer-recovered': { readonly queue: string };
  readonly 'consumer-paused': { readonly queue: string };
  readonly 'consumer-resumed': { readonly queue: string };

  /** Put back with the same id. */
  readonly requeued: DeadLetterAction;
  /** Deleted. */
  readonly purged: DeadLetterAction;
}

export type LifecycleName = keyof LifecycleMessages;

/** A message as listeners get it: with its name, and the name of the outbox (`'default'` unless it was given one). */
export type LifecycleMessage<Name extends LifecycleName = LifecycleName> = {
  readonly [N in Name]: { readonly name: N; readonly outbox: string } & LifecycleMessages[N];
}[Name];

/** For iterating; the compiler sees to it that none is missing. */
const NAMES: Readonly<Record<LifecycleName, true>> = {
  emitted: true,
  published: true,
  unroutable: true,
  'publish-failed': true,
  dead: true,
  'batch-settled': true,
  'breaker-opened': true,
  'breaker-closed': true,
  'relay-paused': true,
  'relay-resumed': true,
  'lane-gained': true,
  'lane-lost': true,
  pruned: true,
  received: true,
  handled: true,
  retried: true,
  rejected: true,
  'dead-lettered': true,
  aborted: true,
  duplicate: true,
  'consumer-lost': true,
  'consumer-recovered': true,
  'consumer-paused': true,
  'consumer-resumed': true,
  requeued: true,
  purged: true,
};

export const LIFECYCLE_NAMES = Object.keys(NAMES) as LifecycleName[];
