import { expect, test } from '@jest/globals';
import { connect } from 'amqplib';
import type { Channel, ChannelModel, ConfirmChannel, ConsumeMessage, Options } from 'amqplib';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';

/** What a promise of the contract gets: a client of its own, which takes away what it declared. */
export type Contract = (title: string, keep: (client: Client) => Promise<void>) => void;

export function contractOn(connectUrl: () => string): Contract {
  return (title, keep) =>
    test(`${title}`, async () => {
      expect.hasAssertions();
      const client = await Client.open(connectUrl());
      try {
        await keep(client);
      } finally {
        await client.close();
      }
    });
}

export class Client {
  readonly #prefix = `contract-${randomUUID().slice(0, 8)}`;
  readonly #connections: ChannelModel[] = [];
  readonly #queues = new Set<string>();
  readonly #exchanges = new Set<string>();
  #names = 0;

  private constructor(
    readonly url: string,
    readonly connection: ChannelModel,
    readonly channel: ConfirmChannel,
  ) {}

  static async open(url: string): Promise<Client> {
    const connection = await connect(url, { noDelay: true });
    const channel = await connection.createConfirmChannel();
    return new Client(url, connection, channel);
  }

  /** A name no other test has, and that is deleted at the end. */
  queueName(hint = 'q'): string {
    const name = `${this.#prefix}.${hint}.${this.#names++}`;
    this.#queues.add(name);
    return name;
  }

  exchangeName(hint = 'x'): string {
    const name = `${this.#prefix}.${hint}.${this.#names++}`;
    this.#exchanges.add(name);
    return name;
  }

  async queue(options: Options.AssertQueue = {}): Promise<string> {
    return (await this.channel.assertQueue(this.queueName(), options)).queue;
  }

  quorumQueue(args: Record<string, unknown> = {}): Promise<string> {
    return this.queue({ arguments: { 'x-queue-type': 'quorum', ...args } });
  }

  async exchange(type: string, options: Options.AssertExchange = {}): Promise<string> {
    return (await this.channel.assertExchange(this.exchangeName(), type, options)).exchange;
  }

  /** A queue that gets everything an exchange gets, and that exchange. */
  async tap(): Promise<{ exchange: string; queue: string }> {
    const exchange = await this.exchange('fanout');
    const queue = await this.queue();
    await this.channel.bindQueue(queue, exchange, '');
    return { exchange, queue };
  }

  /** Publishes in order; settles when all are confirmed. */
  async send(queue: string, bodies: string[], options: Options.Publish = {}): Promise<void> {
    for (const body of bodies) this.channel.sendToQueue(queue, Buffer.from(body), options);
    await this.channel.waitForConfirms();
  }

  /** Publishes one message; `ack` or `nack`, as the broker answers. */
  outcome(queue: string, body: string, options: Options.Publish = {}): Promise<'ack' | 'nack'> {
    return new Promise((resolve) => {
      this.channel.sendToQueue(queue, Buffer.from(body), options, (error: unknown) =>
        resolve(error ? 'nack' : 'ack'),
      );
    });
  }

  async anotherChannel(): Promise<ConfirmChannel> {
    return this.connection.createConfirmChannel();
  }

  async anotherConnection(): Promise<ChannelModel> {
    const connection = await connect(this.url, { noDelay: true });
    this.#connections.push(connection);
    return connection;
  }

  /** The next messages of a queue, acknowledged, through a consumer that leaves again. */
  async take(queue: string, count: number): Promise<ConsumeMessage[]> {
    const channel = await this.anotherChannel();
    await channel.prefetch(count);
    const inbox = await Inbox.on(channel, queue);
    const messages = await inbox.next(count);
    channel.ackAll();
    await channel.close();
    return messages;
  }

  async close(): Promise<void> {
    await Promise.all(
      [this.connection, ...this.#connections].map((connection) => connection.close().catch(() => {})),
    );
    const cleaner = await connect(this.url, { noDelay: true });
    const channel = await cleaner.createChannel();
    for (const queue of this.#queues) await channel.deleteQueue(queue);
    for (const exchange of this.#exchanges) await channel.deleteExchange(exchange);
    await cleaner.close();
  }
}

/** A consumer's deliveries, to be waited for. */
export class Inbox {
  readonly messages: ConsumeMessage[] = [];
  /** Settles when the broker cancels the consumer. */
  readonly cancelled: Promise<void>;
  tag = '';
  #arrived = () => {};
  #cancel = () => {};

  private constructor() {
    this.cancelled = new Promise((resolve) => (this.#cancel = resolve));
  }

  static async on(channel: Channel, queue: string, options: Options.Consume = {}): Promise<Inbox> {
    const inbox = new Inbox();
    const { consumerTag } = await channel.consume(queue, (message) => inbox.#accept(message), options);
    inbox.tag = consumerTag;
    return inbox;
  }

  get bodies(): string[] {
    return this.messages.map(({ content }) => content.toString());
  }

  /** Waits until so many messages have come, and takes them out. */
  async next(count = 1): Promise<ConsumeMessage[]> {
    while (this.messages.length < count) await new Promise<void>((resolve) => (this.#arrived = resolve));
    return this.messages.splice(0, count);
  }

  async nextBodies(count: number): Promise<string[]> {
    return (await this.next(count)).map(({ content }) => content.toString());
  }

  /** The bodies before this one. */
  async until(last: string): Promise<string[]> {
    const bodies: string[] = [];
    for (;;) {
      const [body = ''] = await this.nextBodies(1);
      if (body === last) return bodies;
      bodies.push(body);
    }
  }

  #accept(message: ConsumeMessage | null): void {
    if (message) this.messages.push(message);
    else this.#cancel();
    this.#arrived();
  }
}

/** Asks until the queue has as many messages waiting: for what a broker does in its own time. */
export async function untilWaiting(channel: Channel, queue: string, count: number): Promise<void> {
  let messageCount: number;
  do ({ messageCount } = await channel.checkQueue(queue));
  while (messageCount !== count);
  expect(messageCount).toBe(count);
}

/** The error with which the broker closes a channel or connection. */
export async function closing(of: Channel | ChannelModel): Promise<Error & { code: number }> {
  const [error] = (await once(of, 'error')) as [Error & { code: number }];
  return error;
}

/** Expects a call to be refused with a code, and gives the broker's words. The channel is gone afterwards. */
export async function refusal(channel: Channel, code: number, call: () => Promise<unknown>): Promise<string> {
  const closed = closing(channel);
  await expect(call()).rejects.toMatchObject({ code });
  return wordsOf(await closed);
}

/** The same for what has no answer, a publish or an acknowledgement: only the channel tells. */
export async function lateRefusal(channel: Channel, code: number, say: () => void): Promise<string> {
  const closed = closing(channel);
  say();
  const error = await closed;
  expect(error.code).toBe(code);
  return wordsOf(error);
}

function wordsOf({ message }: Error): string {
  return /with message "(.*)"$/s.exec(message)?.[1] ?? message;
}

export function bodiesOf(messages: { content: Buffer }[]): string[] {
  return messages.map(({ content }) => content.toString());
}

/** `a0, a1, …`: bodies that show their order. */
export function numbered(count: number, letter = 'm'): string[] {
  return Array.from({ length: count }, (_, index) => `${letter}${index}`);
}
