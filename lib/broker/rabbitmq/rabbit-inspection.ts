import type { Channel } from 'amqplib';
import type {
  BrokerInspection,
  BrokerTarget,
  MissingRight,
  QueueDepth,
  QueuePlan,
  RightsNeeded,
} from '../inspection.js';
import type { SubscriptionRequest } from '../subscriber.js';
import type { TopologyReport } from '../topology-report.js';
import type { RabbitConnection } from './connection.js';
import { OperatorConnection } from './dead-letters/operator-connection.js';
import { closeChannel } from './close-channel.js';
import { rightsNeeded } from './rights.js';
import { topologyOf } from './topology-of.js';
import { RabbitTopology } from './topology.js';

const ACCESS_REFUSED = 403;
const NOT_FOUND = 404;

/** Looks at the broker on a connection of its own: what is refused there costs nobody else a channel. */
export class RabbitInspection implements BrokerInspection {
  private readonly connection: OperatorConnection;

  constructor(
    private readonly connect: () => RabbitConnection,
    private readonly urls: readonly string[],
  ) {
    this.connection = new OperatorConnection(connect);
  }

  get target(): BrokerTarget {
    const urls = this.urls.map((url) => new URL(url));
    const [first] = urls as [URL];
    const path = decodeURIComponent(first.pathname.slice(1));
    return {
      hosts: urls.map(({ host }) => host).join(', '),
      user: decodeURIComponent(first.username) || 'guest',
      vhost: path === '' ? '/' : path,
    };
  }

  reach(): Promise<void> {
    return this.connection.use(async (connection) => closeChannel(await connection.openChannel()));
  }

  depth(queue: string): Promise<QueueDepth | undefined> {
    return this.asked(async (channel) => {
      const { messageCount, consumerCount } = await channel.checkQueue(queue);
      return { messages: messageCount, consumers: consumerCount };
    }, NOT_FOUND);
  }

  async hasExchange(name: string): Promise<boolean> {
    return (await this.asked((channel) => channel.checkExchange(name), NOT_FOUND)) !== undefined;
  }

  compare(plan: QueuePlan, requests: readonly SubscriptionRequest[]): Promise<TopologyReport> {
    const settings = { ...plan, mode: 'none' } as const;
    return this.connection.use((connection) =>
      new RabbitTopology(connection, settings, this.connect).inspect(topologyOf(settings, requests)),
    );
  }

  async missingRights({ exchange }: QueuePlan, needs: RightsNeeded): Promise<MissingRight[]> {
    const missing: MissingRight[] = [];
    for (const needed of rightsNeeded(exchange, needs)) if (!(await this.has(needed))) missing.push(needed);
    return missing;
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  /** What is not there is somebody else's finding. */
  private async has({ right, name }: MissingRight): Promise<boolean> {
    const code = await this.refusalOf(right === 'write' ? writeNothing(name) : readNothing(name));
    return code !== ACCESS_REFUSED;
  }

  private async refusalOf(attempt: (channel: Channel) => Promise<unknown>): Promise<number | undefined> {
    try {
      await this.asked(attempt);
      return undefined;
    } catch (error) {
      const { code } = error as { code?: number };
      if (code === undefined) throw error;
      return code;
    }
  }

  /** `undefined` when the broker answers with that code. */
  private asked<T>(ask: (channel: Channel) => Promise<T>): Promise<T>;
  private asked<T>(ask: (channel: Channel) => Promise<T>, unless: number): Promise<T | undefined>;
  private asked<T>(ask: (channel: Channel) => Promise<T>, unless?: number): Promise<T | undefined> {
    return this.connection.use(async (connection) => {
      const channel = await connection.openChannel();
      channel.on('error', () => undefined); // The rejection of the call says the same.
      try {
        return await ask(channel);
      } catch (error) {
        if (unless !== undefined && (error as { code?: number }).code === unless) return undefined;
        throw error;
      } finally {
        await closeChannel(channel);
      }
    });
  }
}

/**
 * Publishes what RabbitMQ can never accept: it looks at the permission first, then at the exchange, and last at the
 * expiration, which is none.
 */
const writeNothing = (exchange: string) => (channel: Channel) =>
  new Promise<void>((resolve, reject) => {
    channel.once('error', reject);
    channel.once('close', resolve);
    channel.publish(exchange, '', Buffer.alloc(0), { expiration: 'none', mandatory: true });
  });

/** Likewise a consumer whose priority is no number. */
const readNothing = (queue: string) => (channel: Channel) =>
  channel.consume(queue, () => undefined, { arguments: { 'x-priority': 'none' } });
