import type { Logger } from '@nestjs/common';
import {
  LIFECYCLE_NAMES,
  type LifecycleMessage,
  type LifecycleMessages,
  type LifecycleName,
} from './messages.js';
import { guarded, SafeChannel } from './safe-channel.js';

export type LifecycleListener<Name extends LifecycleName = LifecycleName> = (
  message: LifecycleMessage<Name>,
) => unknown;

type AnyListener = (message: LifecycleMessage) => unknown;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** What the rooms tell through. */
export type Telling = Pick<Lifecycle, 'heard' | 'tell'>;

/** One name: the listeners of this outbox, and the channel that all outboxes of the process share. */
interface Line {
  readonly listeners: Set<AnyListener>;
  readonly channel: SafeChannel;
}

/**
 * Where one outbox tells what happens to its events. Listeners are called at once, in the middle of our work: they cost
 * what they do, and an error of theirs is logged (once per listener) and forgotten.
 */
export class Lifecycle {
  private readonly lines: Readonly<Record<LifecycleName, Line>>;
  private readonly failed = new WeakSet<object>();

  constructor(
    private readonly outbox: string,
    private readonly logger: Pick<Logger, 'warn'>,
  ) {
    const line = (name: LifecycleName): Line => ({
      listeners: new Set(),
      channel: new SafeChannel(name, this.report),
    });
    this.lines = Object.fromEntries(LIFECYCLE_NAMES.map((name) => [name, line(name)])) as typeof this.lines;
  }

  /** Whether anybody listens. Where things are hot, a message is put together only if so. */
  heard(name: LifecycleName): boolean {
    const { listeners, channel } = this.lines[name];
    return listeners.size > 0 || channel.hasSubscribers;
  }

  /** Never throws. The message is the listeners' from here on: where things are hot a copy would be what costs most. */
  tell<Name extends LifecycleName>(name: Name, message: LifecycleMessages[Name]): void {
    const { listeners, channel } = this.lines[name];
    if (listeners.size === 0 && !channel.hasSubscribers) return;
    const told = message as Mutable<LifecycleMessage>;
    told.name = name;
    told.outbox = this.outbox;
    for (const listener of listeners) guarded(listener, () => listener(told), name, this.report);
    if (channel.hasSubscribers) channel.publish(told);
  }

  /** Returns the function that ends the subscription. */
  listen<Name extends LifecycleName>(name: Name, listener: LifecycleListener<Name>): () => void {
    const { listeners } = this.lines[name];
    // The same function may listen twice; each subscription ends by itself.
    const mine: AnyListener = (message) => listener(message as LifecycleMessage<Name>);
    listeners.add(mine);
    return () => void listeners.delete(mine);
  }

  /** Once per listener: a failing one fails with every message. */
  readonly report = (listener: object, channel: string, error: unknown): void => {
    if (this.failed.has(listener)) return;
    this.failed.add(listener);
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.logger.warn(`A listener to "${channel}" fails; its further errors are not logged: ${text}`);
  };
}

/** For what runs without listeners. */
export const UNHEARD: Telling = { heard: () => false, tell: () => undefined };
