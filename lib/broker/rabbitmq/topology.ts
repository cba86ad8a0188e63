import type { Channel } from 'amqplib';
import { TopologyMismatchError } from '../../errors/topology-mismatch.error.js';
import { TopologyMissingError } from '../../errors/topology-missing.error.js';
import type { SubscriptionRequest } from '../subscriber.js';
import { closeChannel } from './close-channel.js';
import type { RabbitConnection } from './connection.js';
import { deadLetterExchange, deadLetterQueue, retryName } from './names.js';

export interface TopologySettings {
  readonly mode: 'assert' | 'check' | 'none';
  readonly exchange: string;
  readonly queueType: 'quorum' | 'classic';
  readonly maxRedeliveries: number;
}

/** One exchange or queue, and how to bring it about. */
interface Declaration {
  readonly kind: 'exchange' | 'queue';
  readonly name: string;
  assert(channel: Channel): Promise<void>;
}

/**
 * Exchanges and queues, declared (`assert`), looked for (`check`) or trusted (`none`). Everything happens on throw-away
 * channels: a refused declaration closes the channel it was made on. Nothing is ever deleted.
 */
export class RabbitTopology {
  constructor(
    private readonly connection: RabbitConnection,
    private readonly settings: TopologySettings,
  ) {}

  /** What publishing needs. */
  ensurePublishing(): Promise<void> {
    return this.ensure([this.eventExchange()]);
  }

  /** What a handler needs: its queue with bindings, its dead letters, and the retry queues of its delays. */
  ensureHandler(request: SubscriptionRequest): Promise<void> {
    return this.ensure(this.forHandler(request));
  }

  /** What the dead letters of a queue need. */
  ensureDeadLetters(queue: string): Promise<void> {
    return this.ensure(this.forDeadLetters(queue));
  }

  /** What a retry after `delay` ms needs. */
  ensureRetry(delay: number): Promise<void> {
    return this.ensure(this.retryPair(delay));
  }

  /** In mode `check`, looks for what all handlers need, so that one error names all that is missing. */
  async checkHandlers(requests: readonly SubscriptionRequest[]): Promise<void> {
    if (this.settings.mode === 'check')
      await this.check(requests.flatMap((request) => this.forHandler(request)));
  }

  private forHandler({ queue, patterns, delays }: SubscriptionRequest): Declaration[] {
    const retries = [...new Set(delays)].flatMap((delay) => this.retryPair(delay));
    return [
      this.eventExchange(),
      ...this.forDeadLetters(queue),
      ...retries,
      this.handlerQueue(queue, patterns),
    ];
  }

  private forDeadLetters(queue: string): Declaration[] {
    return [this.deadLetters(), this.deadLetterQueue(queue)];
  }

  private async ensure(declarations: readonly Declaration[]): Promise<void> {
    const { mode } = this.settings;
    if (mode === 'none') return;
    if (mode === 'check') return this.check(declarations);
    await this.onChannel(async (channel) => {
      for (const declaration of declarations) await declaration.assert(channel);
    });
  }

  private async check(declarations: readonly Declaration[]): Promise<void> {
    const missing: string[] = [];
    const things = new Map(declarations.map((declaration) => [nameOf(declaration), declaration]));
    for (const [thing, { kind, name }] of things) {
      const found = await this.exists(kind, name);
      if (!found) missing.push(thing);
    }
    if (missing.length > 0) throw new TopologyMissingError(missing);
  }

  private async exists(kind: 'exchange' | 'queue', name: string): Promise<boolean> {
    try {
      await this.onChannel((channel) =>
        kind === 'queue' ? channel.checkQueue(name) : channel.checkExchange(name),
      );
      return true;
    } catch (error) {
      if ((error as { code?: number }).code === NOT_FOUND) return false;
      throw error;
    }
  }

  private async onChannel(work: (channel: Channel) => Promise<unknown>): Promise<void> {
    const channel = await this.connection.openChannel();
    channel.on('error', () => undefined); // The rejection of the call says the same.
    try {
      await work(channel);
    } catch (error) {
      throw mismatchOf(error) ?? error;
    } finally {
      await closeChannel(channel);
    }
  }

  private eventExchange(): Declaration {
    return exchange(this.settings.exchange, 'topic');
  }

  private deadLetters(): Declaration {
    return exchange(deadLetterExchange(this.settings.exchange), 'direct');
  }

  private deadLetterQueue(queue: string): Declaration {
    const name = deadLetterQueue(queue);
    return {
      kind: 'queue',
      name,
      assert: async (channel) => {
        await channel.assertQueue(name, { durable: true, arguments: this.queueArguments({}, NEVER_DROPPED) });
        await channel.bindQueue(name, deadLetterExchange(this.settings.exchange), queue);
      },
    };
  }

  private handlerQueue(name: string, patterns: readonly string[]): Declaration {
    const dlx = deadLetterExchange(this.settings.exchange);
    const safetyNet = { 'x-dead-letter-exchange': dlx, 'x-dead-letter-routing-key': name };
    const quorum = { ...AT_LEAST_ONCE, 'x-delivery-limit': this.settings.maxRedeliveries };
    return {
      kind: 'queue',
      name,
      assert: async (channel) => {
        await channel.assertQueue(name, { durable: true, arguments: this.queueArguments(safetyNet, quorum) });
        for (const pattern of patterns) await channel.bindQueue(name, this.settings.exchange, pattern);
      },
    };
  }

  /** Messages wait here until their time is up, then go through the default exchange to the queue they name. */
  private retryPair(delay: number): Declaration[] {
    const name = retryName(this.settings.exchange, delay);
    const waiting = { 'x-message-ttl': delay, 'x-dead-letter-exchange': '' };
    const queue: Declaration = {
      kind: 'queue',
      name,
      assert: async (channel) => {
        await channel.assertQueue(name, {
          durable: true,
          arguments: this.queueArguments(waiting, AT_LEAST_ONCE),
        });
        await channel.bindQueue(name, name, '');
      },
    };
    return [exchange(name, 'fanout'), queue];
  }

  private queueArguments(always: object, quorumOnly: object = {}): object {
    const { queueType } = this.settings;
    return { 'x-queue-type': queueType, ...always, ...(queueType === 'quorum' && quorumOnly) };
  }
}

const nameOf = ({ kind, name }: Declaration) => `${kind} "${name}"`;

const NOT_FOUND = 404;
const PRECONDITION_FAILED = 406;

/** Dead letters are confirmed by the queue they go to (https://www.rabbitmq.com/docs/quorum-queues#dead-lettering). */
const AT_LEAST_ONCE = { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' };

/**
 * Every look at a dead letter is a delivery. RabbitMQ 4 drops what was delivered 20 times from a quorum queue without a
 * limit of its own; and on 3.10 what a consumer gives back (`nack`) goes to the end of such a queue, with a limit to the
 * front, where it was.
 */
const NEVER_DROPPED = { 'x-delivery-limit': 2 ** 31 - 1 };

function exchange(name: string, type: 'topic' | 'direct' | 'fanout'): Declaration {
  return {
    kind: 'exchange',
    name,
    assert: async (channel) => {
      await channel.assertExchange(name, type, { durable: true });
    },
  };
}

const INEQUIVALENT =
  /inequivalent arg '(.+?)' for (queue|exchange) '(.+?)' in vhost '.*?': received (.+?) but current is (.+?)"?$/;

/** RabbitMQ tells what differs in the text of its 406 only. */
function mismatchOf(error: unknown): TopologyMismatchError | undefined {
  const { code, message = '' } = error as { code?: number; message?: string };
  if (code !== PRECONDITION_FAILED) return undefined;
  const [, argument, kind, name, declared, actual] = INEQUIVALENT.exec(message) ?? [];
  if (!argument || !name || !declared || !actual) return undefined;
  return new TopologyMismatchError(
    { kind: kind as 'queue' | 'exchange', name, argument, declared: plain(declared), actual: plain(actual) },
    { cause: error },
  );
}

/** `the value '5000' of type 'signedint'` → `5000` */
const plain = (text: string) => /'(.*?)'/.exec(text)?.[1] ?? text;
