import { channel, type Channel } from 'node:diagnostics_channel';

type Subscriber = (message: unknown, name: string | symbol) => unknown;

/** What to do about a listener that failed. */
export type ReportFailure = (listener: object, channel: string, error: unknown) => void;

/** Names of the channels on `node:diagnostics_channel`: this, and a message's name. */
export const CHANNEL_PREFIX = 'nestjs-rabbitmq-outbox:';

/**
 * A channel of `node:diagnostics_channel` whose subscribers can do no harm. `Channel.publish()` turns an error of a
 * subscriber into an uncaught exception, which ends the process; so the subscribers are called one by one. They are in
 * a field that is not part of Node's documented interface: should it go, `publish()` is what remains.
 */
export class SafeChannel {
  private readonly channel: Channel & { readonly _subscribers?: readonly Subscriber[] };

  constructor(
    readonly name: string,
    private readonly report: ReportFailure,
  ) {
    this.channel = channel(`${CHANNEL_PREFIX}${name}`);
  }

  get hasSubscribers(): boolean {
    return this.channel.hasSubscribers;
  }

  publish(message: unknown): void {
    const { _subscribers: subscribers } = this.channel;
    if (!Array.isArray(subscribers)) return this.channel.publish(message);
    for (const subscriber of [...(subscribers as readonly Subscriber[])]) {
      guarded(subscriber, () => subscriber(message, this.channel.name), this.name, this.report);
    }
  }
}

/** Calls a listener. Neither what it throws nor a promise it leaves rejected gets away. */
export function guarded(
  listener: object,
  call: () => unknown,
  channelName: string,
  report: ReportFailure,
): void {
  try {
    const result = call();
    if (result instanceof Promise) result.catch((error: unknown) => report(listener, channelName, error));
  } catch (error) {
    report(listener, channelName, error);
  }
}
