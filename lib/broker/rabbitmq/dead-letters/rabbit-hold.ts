import type { ConsumeMessage } from 'amqplib';
import { HandlerQueueMissingError } from '../../../errors/handler-queue-missing.error.js';
import type { DeadLetterHold, QueuedDeadLetter } from '../../dead-letters.js';
import type { PublishOutcome } from '../../publisher.js';
import type { RabbitConnection } from '../connection.js';
import { requeueCopy } from '../forward.js';
import type { PublishRequest } from '../publish-frames.js';
import { HeldChannel } from './held-channel.js';
import type { Homes } from './homes.js';
import type { OperatorPublisher } from './operator-publisher.js';
import { readDeadLetter } from './read-dead-letter.js';

/** Where dead letters rest, and where each belongs. */
export interface Rest {
  readonly queue: string;
  /** The queue of the handler it died at. */
  homeOf(letter: QueuedDeadLetter): string;
}

/** Bytes of message bodies in a window, roughly: the broker sends as many messages as we ask for, of any size. */
const WINDOW_BYTES = 32 * 1024 * 1024;
/** RabbitMQ's own limit for what a consumer of a quorum queue may hold. */
const MOST_MESSAGES = 2_000;
/** While nothing is known of their size. */
const FIRST_MESSAGES = 100;
/** Milliseconds in which no more of them come back: somebody else has taken the others. */
const LONGEST_RETURN = 3_000;

export class RabbitDeadLetterHold implements DeadLetterHold {
  /** Oldest first: closed in this order, quorum queues have their messages back in the old one. */
  private readonly channels: HeldChannel[] = [];
  /** The channel of each message that was taken last. */
  private readonly taken = new Map<unknown, HeldChannel>();
  private most = FIRST_MESSAGES;
  /** How many are taken, and neither requeued nor removed. */
  private held = 0;

  constructor(
    private readonly connection: RabbitConnection,
    private readonly rest: Rest,
    private readonly homes: Homes,
    private readonly publisher: OperatorPublisher,
    /** How many rest there that nobody holds. */
    private readonly count: () => Promise<number>,
    private readonly letGo: () => Promise<void>,
  ) {}

  async next(limit: number): Promise<QueuedDeadLetter[]> {
    this.taken.clear();
    const { queue } = this.rest;
    const last = this.channels.at(-1);
    // Before another channel is opened, so that what is taken in doing so is not from behind what the other will hold.
    const ahead = last?.full && last.unsure ? await last.flush(queue) : [];
    if (last && ahead.length > 0) return this.takenOn(last, ahead);
    const channel = last && !last.full ? last : await this.anotherChannel();
    const messages = await channel.take(queue, Math.min(limit, this.most));
    this.learn(messages);
    return this.takenOn(channel, messages);
  }

  async requeue(letters: readonly QueuedDeadLetter[]): Promise<Array<Error | undefined>> {
    const requests = await Promise.all(letters.map((letter) => this.requeueCopy(letter)));
    const outcomes = await this.publisher.publish(requests);
    const errors = outcomes.map((outcome, index) => problemOf(outcome, requests[index]?.routingKey ?? ''));
    // The copy is safe; only now may the dead letter go.
    await this.remove(letters.filter((_, index) => errors[index] === undefined));
    return errors;
  }

  // eslint-disable-next-line @typescript-eslint/require-await
  async remove(letters: readonly QueuedDeadLetter[]): Promise<void> {
    for (const { message } of letters) {
      this.taken.get(message.raw)?.ack(message.raw as ConsumeMessage);
      this.held--;
    }
  }

  async release(): Promise<void> {
    await this.publisher.close();
    const last = this.channels.at(-1);
    // If the channel is lost, so is everything that it held.
    if (last?.unsure) await last.flush(this.rest.queue).catch(() => undefined);
    for (const channel of this.channels) await channel.close();
    // Where the broker cannot be asked any more there is nobody to wait for.
    await this.returned().catch(() => undefined);
    await this.letGo();
  }

  /**
   * Resolves when what was held is on the queue again. A quorum queue has it some time after the channel has been closed (200,000
   * of them seconds later), and until then whoever comes next would find nothing there.
   */
  private async returned(): Promise<void> {
    let most = -1;
    for (let since = performance.now(); performance.now() - since < LONGEST_RETURN;) {
      const count = await this.count();
      if (count >= this.held) return;
      if (count > most) [most, since] = [count, performance.now()];
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  private async requeueCopy(letter: QueuedDeadLetter): Promise<PublishRequest> {
    const home = this.rest.homeOf(letter);
    return requeueCopy(letter, await this.homes.exchangeFor(home), home);
  }

  private takenOn(channel: HeldChannel, messages: readonly ConsumeMessage[]): QueuedDeadLetter[] {
    for (const message of messages) this.taken.set(message, channel);
    this.held += messages.length;
    return messages.map(readDeadLetter);
  }

  private async anotherChannel(): Promise<HeldChannel> {
    const channel = await HeldChannel.open(this.connection);
    this.channels.push(channel);
    return channel;
  }

  private learn(messages: readonly ConsumeMessage[]): void {
    const bytes = messages.reduce((sum, { content }) => sum + content.length, 0);
    const average = Math.max(1, bytes / messages.length);
    if (messages.length > 0)
      this.most = Math.max(10, Math.min(MOST_MESSAGES, Math.floor(WINDOW_BYTES / average)));
  }
}

function problemOf(outcome: PublishOutcome, queue: string): Error | undefined {
  if (outcome.kind === 'confirmed') return undefined;
  if (outcome.kind !== 'returned') return outcome.error;
  return new HandlerQueueMissingError(queue);
}
