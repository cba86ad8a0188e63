import type { Channel, ConsumeMessage } from 'amqplib';
import { ChannelLostError } from '../../../errors/channel-lost.error.js';
import { closeChannel } from '../close-channel.js';
import type { RabbitConnection } from '../connection.js';

/** How long the broker may be silent when it has messages left for us, in ms: somebody else has taken them. */
const SILENCE = 2_000;

/**
 * Consumers on one channel whose messages go back in order when it ends, also by the death of our process: RabbitMQ gives
 * them back by consumer, and has up to 32 consumers sorted by their tags (seen on 3.10, quorum queues).
 */
const MOST_WINDOWS = 28;

/** So many acks on their way reach the queue also if the channel closes behind them. */
const SAFE_ACKS = 24;

/**
 * A channel on which messages are held: taken and not acknowledged, a window of them at a time. Each window is a consumer
 * of its own, that is cancelled as soon as it has what it was to get: so nothing is taken that was not asked for, however
 * many of them are acknowledged. When the channel ends, what is left goes back to where it was.
 *
 * (`basic.get` would take them one by one, and in disorder: to a quorum queue each of them is a consumer of its own.)
 */
export class HeldChannel {
  private windows = 0;
  private acksUnderWay = 0;
  private lost: ChannelLostError | undefined;
  private readonly closed: Promise<never>;

  private constructor(private readonly channel: Channel) {
    let reason = 'The channel was closed with the connection.';
    channel.on('error', (error: Error) => {
      reason = error.message;
    });
    this.closed = new Promise((_, reject) => {
      channel.once('close', () => {
        this.lost = new ChannelLostError(reason, false);
        reject(this.lost);
      });
    });
    this.closed.catch(() => undefined);
  }

  static async open(connection: RabbitConnection): Promise<HeldChannel> {
    return new HeldChannel(await connection.openChannel());
  }

  /** No further window fits. */
  get full(): boolean {
    return this.windows >= MOST_WINDOWS;
  }

  /** Acks may still be on their way that the end of the channel would undo. */
  get unsure(): boolean {
    return this.acksUnderWay > SAFE_ACKS;
  }

  /** The next messages, at most `limit`; fewer if there are no more now. */
  async take(queue: string, limit: number): Promise<ConsumeMessage[]> {
    const { messageCount } = await this.answered(() => this.channel.checkQueue(queue));
    const size = Math.min(limit, messageCount);
    return size === 0 ? [] : this.window(queue, size, (window) => window.complete);
  }

  /** @throws {ChannelLostError} if it has gone back already */
  ack(message: ConsumeMessage): void {
    if (this.lost) throw this.lost;
    this.channel.ack(message);
    this.acksUnderWay++;
  }

  /**
   * Resolves when all acks have reached the queue, with the messages that were taken in doing so. RabbitMQ's side of a
   * channel keeps acks for a quorum queue back while 32 are on their way to it, and forgets those when the channel closes
   * (of 500 as many as 484 came back). A new consumer waits its turn behind what is on its way: one clears the way for
   * what was kept back, and the next one comes behind that.
   */
  async flush(queue: string): Promise<ConsumeMessage[]> {
    const first = await this.window(queue, 1);
    const second = await this.window(queue, 1);
    this.acksUnderWay = 0;
    return [...first, ...second];
  }

  /** The broker reads the acks that were sent before. Never rejects. */
  close(): Promise<void> {
    return closeChannel(this.channel);
  }

  private async window(
    queue: string,
    size: number,
    until: (window: Window) => Promise<void> = () => Promise.resolve(),
  ): Promise<ConsumeMessage[]> {
    const consumerTag = `outbox-operator-${String(++this.windows).padStart(3, '0')}`;
    const window = new Window(size);
    await this.answered(() => this.channel.prefetch(size));
    await this.answered(() =>
      this.channel.consume(queue, (message) => message && window.add(message), { consumerTag }),
    );
    await Promise.race([until(window), this.closed]);
    await this.answered(() => this.channel.cancel(consumerTag));
    return window.end();
  }

  /** On a channel that has ended, amqplib throws errors of another kind. */
  private async answered<T>(ask: () => PromiseLike<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw this.lost ?? error;
    }
  }
}

/** What one consumer gets. */
class Window {
  private readonly messages: ConsumeMessage[] = [];
  readonly complete: Promise<void>;
  private done = () => {};
  private silence: NodeJS.Timeout;

  constructor(private readonly size: number) {
    this.complete = new Promise((resolve) => {
      this.done = resolve;
    });
    this.silence = setTimeout(() => this.done(), SILENCE);
  }

  add(message: ConsumeMessage): void {
    this.messages.push(message);
    clearTimeout(this.silence);
    if (this.messages.length >= this.size) this.done();
    else this.silence = setTimeout(() => this.done(), SILENCE);
  }

  end(): ConsumeMessage[] {
    clearTimeout(this.silence);
    return this.messages;
  }
}
