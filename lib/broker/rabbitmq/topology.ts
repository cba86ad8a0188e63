import type { Channel } from 'amqplib';
import { PartitionsChangedError } from '../../errors/partitions-changed.error.js';
import { TopologyMismatchError } from '../../errors/topology-mismatch.error.js';
import { TopologyMissingError } from '../../errors/topology-missing.error.js';
import type { SubscriptionRequest } from '../subscriber.js';
import { closeChannel } from './close-channel.js';
import type { RabbitConnection } from './connection.js';
import { declareApart } from './declare-apart.js';
import { CONSISTENT_HASH, divide, NOTHING, together, type Topology } from './definitions.js';
import { declarationError } from './declaration-errors.js';
import {
  forDeadLetters,
  forHandler,
  forPublishing,
  forRetry,
  type Origin,
  type PlanSettings,
} from './plan.js';

import { isRefusal } from './refusal.js';
import type { TopologyReport } from '../topology-report.js';

export interface TopologySettings extends PlanSettings {
  readonly mode: 'assert' | 'check' | 'none';
}

/** How many exchanges and queues are looked at beside each other: each takes several answers of the broker. */
const LOOKS_AT_ONCE = 8;

/**
 * Exchanges and queues, declared (`assert`), looked for (`check`) or trusted (`none`). Everything happens on throw-away
 * channels: a refused declaration closes the channel it was made on. Nothing is ever deleted.
 */
export class RabbitTopology {
  constructor(
    private readonly connection: RabbitConnection,
    private readonly settings: TopologySettings,
    /** For what could cost a connection. */
    private readonly connectApart: () => RabbitConnection,
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
  ensureRetry(origin: Origin, delay: number): Promise<void> {
    return this.ensure(forRetry(this.settings, origin, delay));
  }

  /** In mode `check`, looks for what all handlers need, so that one error names all that is missing. */
  async checkHandlers(requests: readonly SubscriptionRequest[]): Promise<void> {
    if (this.settings.mode !== 'check') return;
    const all = together(...requests.map((request) => forHandler(this.settings, request)));
    await this.check(divide(all).lasting);
  }

  /** Compares, and changes nothing: what is not there is not declared, and what is there cannot be declared otherwise. */
  async inspect({ exchanges, queues, foreign }: Topology): Promise<TopologyReport> {
    const looks = [
      ...foreign.map((name) => () => this.lookFor('exchange', name, {})),
      ...exchanges.map((one) => () => this.lookFor('exchange', one.name, { exchanges: [one] })),
      ...queues.map((one) => () => this.lookFor('queue', one.name, { queues: [one] })),
    ];
    const seen: Array<Partial<TopologyReport>> = [];
    while (looks.length > 0)
      seen.push(...(await Promise.all(looks.splice(0, LOOKS_AT_ONCE).map((begin) => begin()))));
    return {
      missing: seen.flatMap(({ missing = [] }) => missing),
      mismatches: seen.flatMap(({ mismatches = [] }) => mismatches),
      uncompared: seen.flatMap(({ uncompared = [] }) => uncompared),
    };
  }

  /** @throws when there is no such queue */
  async lookAt(queue: string): Promise<{ messages: number; consumers: number }> {
    const found = await this.onChannel((channel) => channel.checkQueue(queue));
    return { messages: found.messageCount, consumers: found.consumerCount };
  }

  /** What is the matter with it, if anything is. */
  private async lookFor(
    kind: 'exchange' | 'queue',
    name: string,
    one: Partial<Topology>,
  ): Promise<Partial<TopologyReport>> {
    const thing = `${kind} "${name}"`;
    if (!(await this.exists(kind, name))) return { missing: [thing] };
    try {
      await this.compare({ ...NOTHING, ...one });
      return {};
    } catch (error) {
      if (error instanceof TopologyMismatchError) return { mismatches: [error.mismatch] };
      if (isRefusal(error)) return { uncompared: [thing] };
      throw error;
    }
  }

  private compare(one: Topology): Promise<void> {
    return this.onChannel((channel) => declare(channel, one));
  }

  private async ensure(topology: Topology): Promise<void> {
    const { mode } = this.settings;
    const { lasting, fleeting } = divide(topology);
    if (mode === 'check') await this.check(lasting);
    else if (mode === 'assert') await this.assert(lasting);
    // What belongs to this connection nobody else can have declared.
    await this.assert(fleeting);
  }

  private async assert(topology: Topology): Promise<void> {
    const { exchanges, queues, foreign, obsolete } = topology;
    if (foreign.length + obsolete.length > 0) await this.check({ ...NOTHING, foreign, obsolete });
    await this.declareUnsure(topology);
    if (exchanges.length + queues.length > 0) await this.onChannel((channel) => declare(channel, topology));
  }

  /** Bindings are not looked for: AMQP 0-9-1 has no way to. */
  private async check({ exchanges, foreign, queues, obsolete }: Topology): Promise<void> {
    const missing: string[] = [];
    const look = async (kind: 'exchange' | 'queue', name: string) => {
      const found = await this.exists(kind, name);
      if (!found) missing.push(`${kind} "${name}"`);
    };
    for (const name of [...foreign, ...exchanges.map((exchange) => exchange.name)])
      await look('exchange', name);
    for (const { name } of queues) await look('queue', name);
    if (missing.length > 0) throw new TopologyMissingError(missing);
    for (const { name, of } of obsolete)
      if (await this.exists('queue', name)) throw new PartitionsChangedError(name, of);
  }

  /** Exchanges of a type that the broker may not know: those that are there are of a type it knows. */
  private async declareUnsure({ exchanges }: Topology): Promise<void> {
    for (const exchange of exchanges.filter(({ type }) => type === CONSISTENT_HASH))
      if (!(await this.exists('exchange', exchange.name))) await declareApart(this.connectApart, exchange);
  }

  private async exists(kind: 'exchange' | 'queue', name: string): Promise<boolean> {
    try {
      await this.onChannel<unknown>((channel) =>
        kind === 'queue' ? channel.checkQueue(name) : channel.checkExchange(name),
      );
      return true;
    } catch (error) {
      if ((error as { code?: number }).code === NOT_FOUND) return false;
      throw error;
    }
  }

  private async onChannel<T>(work: (channel: Channel) => Promise<T>): Promise<T> {
    const channel = await this.connection.openChannel();
    channel.on('error', () => undefined); // The rejection of the call says the same.
    try {
      return await work(channel);
    } catch (error) {
      throw declarationError(error);
    } finally {
      await closeChannel(channel);
    }
  }
}

/** Exchanges first: queues name them, and bindings need both. */
async function declare(channel: Channel, { exchanges, queues, bindings, links }: Topology): Promise<void> {
  for (const { name, type, arguments: args } of exchanges)
    await channel.assertExchange(name, type, { durable: true, arguments: args });
  for (const { name, exclusive = false, arguments: args } of queues)
    await channel.assertQueue(name, { durable: !exclusive, exclusive, arguments: args });
  for (const { exchange, queue, routingKey } of bindings)
    await channel.bindQueue(queue, exchange, routingKey);
  for (const { from, to, routingKey } of links) await channel.bindExchange(to, from, routingKey);
}

const NOT_FOUND = 404;
