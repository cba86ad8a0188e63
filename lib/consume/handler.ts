import type { Partition } from '../broker/subscriber.js';
import type { HandlerInbox } from '../options/inbox.js';
import { partitionNames } from '../policy/partitions.js';
import type { RetryPolicy } from '../policy/retry.js';
import type { EventBatch } from './batch/event-batch.js';
import type { EventContext } from './event-context.js';
import type { PayloadForm } from './payload/payload-shape.js';
import type { Prepare } from './payload/prepare.js';

/** Runs the user's method in Nest's pipeline. Rejects with the error that counts for the outcome. */
export type Invoke = (payload: unknown, context: EventContext | EventBatch) => Promise<void>;

export interface BatchSize {
  /** Events at most. */
  readonly size: number;
  /** Milliseconds that the first of them waits for others, at most. */
  readonly wait: number;
}

/** How a handler takes events that it handles together; its payload is then a list of payloads. */
export interface HandlerBatch extends BatchSize {
  /** What is done to each payload beforehand. */
  readonly prepare: Prepare | undefined;
}

/** The queue of a handler. Handlers that share one must agree about it. */
export interface QueueSettings {
  readonly queue: string;
  /** For a queue of this process alone: the name its processes have in common. */
  readonly broadcast: string | undefined;
  /** Milliseconds that a message may wait before it is a dead letter. */
  readonly expiration: number | undefined;
  /** Events of one key are handled one after the other, in all processes together. */
  readonly ordered: boolean;
  /** How many queues its events are spread over by their keys; `undefined` for one that is its alone. */
  readonly partitions: number | undefined;
  /** What becomes of the key of an ordered event that is dead. */
  readonly onDead: 'park' | 'continue';
  /** Whose messages come here, if not those of the module's exchange. */
  readonly exchange: string | undefined;
}

/** A registered `@OnEvent()` method. */
export interface Handler extends QueueSettings {
  /** `Class.method`, for logs and errors. */
  readonly name: string;
  readonly patterns: readonly string[];
  readonly prefetch: number;
  /** How many of its runs there are at once, at most. */
  readonly concurrency: number;
  /** Milliseconds that a run may take; `undefined` for as long as it likes. */
  readonly timeout: number | undefined;
  readonly retry: RetryPolicy;
  /** Handles in a transaction that remembers the event; `undefined`: in none. */
  readonly inbox: HandlerInbox | undefined;
  /** What it wants of the body. */
  readonly form: PayloadForm;
  readonly invoke: Invoke;
  /** `undefined`: it handles one event at a time. */
  readonly batch: HandlerBatch | undefined;
}

/** A queue, or a partition, and the handlers that share it; no event is for two of them. */
export interface HandlerQueue {
  readonly name: string;
  /** By which metrics and traces know it: the same in all processes. */
  readonly commonName: string;
  /** By which inboxes and handlers know it: the same in all processes that share what is on it, and of all partitions. */
  readonly consumer: string;
  readonly partition: Partition | undefined;
  readonly ordered: boolean;
  readonly onDead: 'park' | 'continue';
  readonly handlers: readonly Handler[];
}

export function handlerQueues(handlers: readonly Handler[]): HandlerQueue[] {
  const names = [...new Set(handlers.map(({ queue }) => queue))];
  return names.flatMap((name): HandlerQueue[] => {
    const own = handlers.filter(({ queue }) => queue === name);
    const { broadcast, ordered, onDead, partitions: count } = own[0] as Handler;
    const queue = { commonName: broadcast ?? name, consumer: name, ordered, onDead, handlers: own };
    if (count === undefined) return [{ ...queue, name, partition: undefined }];
    return partitionNames(name, count).map((partition, index) => ({
      ...queue,
      name: partition,
      partition: { of: name, number: index + 1, count },
    }));
  });
}
