import type { Channel } from 'amqplib';
import { TopologyMissingError } from '../../errors/topology-missing.error.js';
import type { SubscriptionRequest } from '../subscriber.js';
import { closeChannel } from './close-channel.js';
import type { RabbitConnection } from './connection.js';
import { together, type Topology } from './definitions.js';
import { mismatchOf } from './mismatch.js';
import { forDeadLetters, forHandler, forPublishing, forRetry, type PlanSettings } from './plan.js';

export interface TopologySettings extends PlanSettings {
  readonly mode: 'assert' | 'check' | 'none';
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
    return this.ensure(forPublishing(this.settings));
  }

  /** What a handler needs: its queue with bindings, its dead letters, and the retry queues of its delays. */
  ensureHandler(request: SubscriptionRequest): Promise<void> {
    return this.ensure(forHandler(this.settings, request));
  }

  /** What the dead letters of a queue need. */
  ensureDeadLetters(queue: string): Promise<void> {
    return this.ensure(forDeadLetters(this.settings, queue));
  }

  /** What a retry after `delay` ms needs. */
  ensureRetry(delay: number): Promise<void> {
    return this.ensure(forRetry(this.settings, delay));
  }

  /** In mode `check`, looks for what all handlers need, so that one error names all that is missing. */
  async checkHandlers(requests: readonly SubscriptionRequest[]): Promise<void> {
    if (this.settings.mode !== 'check') return;
    await this.check(together(...requests.map((request) => forHandler(this.settings, request))));
  }

  private async ensure(topology: Topology): Promise<void> {
    const { mode } = this.settings;
    if (mode === 'none') return;
    if (mode === 'check') return this.check(topology);
    await this.onChannel((channel) => assert(channel, topology));
  }

  private async check({ exchanges, queues }: Topology): Promise<void> {
    const missing: string[] = [];
    const look = async (kind: 'exchange' | 'queue', name: string) => {
      const found = await this.exists(kind, name);
      if (!found) missing.push(`${kind} "${name}"`);
    };
    for (const { name } of exchanges) await look('exchange', name);
    for (const { name } of queues) await look('queue', name);
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
}

/** Exchanges first: queues name them, and bindings need both. */
async function assert(channel: Channel, { exchanges, queues, bindings }: Topology): Promise<void> {
  for (const { name, type, arguments: args } of exchanges)
    await channel.assertExchange(name, type, { durable: true, arguments: args });
  for (const { name, arguments: args } of queues)
    await channel.assertQueue(name, { durable: true, arguments: args });
  for (const { exchange, queue, routingKey } of bindings)
    await channel.bindQueue(queue, exchange, routingKey);
}

const NOT_FOUND = 404;
