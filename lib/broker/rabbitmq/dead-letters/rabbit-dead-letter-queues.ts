import type { DeadLetterHold, DeadLetterQueues } from '../../dead-letters.js';
import { closeChannel } from '../close-channel.js';
import type { RabbitConnection } from '../connection.js';
import { wakeCall } from '../forward.js';
import { deadLetterQueue, unclaimedName } from '../names.js';
import { Homes } from './homes.js';
import { OperatorConnection } from './operator-connection.js';
import { OperatorPublisher } from './operator-publisher.js';
import { QueueLocks } from './queue-lock.js';
import { RabbitDeadLetterHold, type Rest } from './rabbit-hold.js';

export interface DeadLetterSettings {
  readonly exchange: string;
  /** Milliseconds to wait for the broker's answers. */
  readonly publishTimeout: number;
}

const NOT_FOUND = 404;

export class RabbitDeadLetterQueues implements DeadLetterQueues {
  readonly unclaimed: string;
  private readonly connection: OperatorConnection;
  private readonly locks = new QueueLocks();

  constructor(
    connect: () => RabbitConnection,
    private readonly settings: DeadLetterSettings,
  ) {
    this.connection = new OperatorConnection(connect);
    this.unclaimed = unclaimedName(settings.exchange);
  }

  count(where: string): Promise<number | undefined> {
    return this.connection.use((connection) => messageCount(connection, this.restOf(where).queue));
  }

  async hold(where: string, signal?: AbortSignal): Promise<DeadLetterHold | undefined> {
    const rest = this.restOf(where);
    const { connection, release } = await this.connection.lease();
    try {
      if ((await messageCount(connection, rest.queue)) === undefined) {
        release();
        return undefined;
      }
      const unlock = await this.locks.take(connection, rest.queue, signal);
      const publisher = new OperatorPublisher(connection, this.settings.publishTimeout);
      const homes = new Homes((kind, name) => exists(connection, kind, name));
      const count = async () => (await messageCount(connection, rest.queue)) ?? 0;
      const letGo = () => unlock().finally(release);
      return new RabbitDeadLetterHold(connection, rest, homes, publisher, count, letGo);
    } catch (error) {
      release();
      throw error;
    }
  }

  async remind(keys: Parameters<DeadLetterQueues['remind']>[0]): Promise<void> {
    if (keys.length === 0) return;
    const { exchange, publishTimeout } = this.settings;
    const requests = keys.map(({ consumer, key }) => ({
      ...wakeCall(exchange, consumer, key, 0),
      exchange: '',
    }));
    const remind = async (connection: RabbitConnection) => {
      const publisher = new OperatorPublisher(connection, publishTimeout);
      try {
        await publisher.publish(requests);
      } finally {
        await publisher.close();
      }
    };
    await this.connection.use(remind).catch(() => undefined);
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  /** What waited for a queue that is gone still has its name for a routing key. */
  private restOf(where: string): Rest {
    if (where !== this.unclaimed) return { queue: deadLetterQueue(where), homeOf: () => where };
    return { queue: where, homeOf: ({ address }) => address };
  }
}

function messageCount(connection: RabbitConnection, queue: string): Promise<number | undefined> {
  return onChannel(connection, async (channel) => {
    try {
      return (await channel.checkQueue(queue)).messageCount;
    } catch (error) {
      if ((error as { code?: number }).code === NOT_FOUND) return undefined;
      throw error;
    }
  });
}

function exists(connection: RabbitConnection, kind: 'queue' | 'exchange', name: string): Promise<boolean> {
  return onChannel(connection, async (channel) => {
    try {
      await (kind === 'queue' ? channel.checkQueue(name) : channel.checkExchange(name));
      return true;
    } catch (error) {
      if ((error as { code?: number }).code === NOT_FOUND) return false;
      throw error;
    }
  });
}

type Channel = Awaited<ReturnType<RabbitConnection['openChannel']>>;

async function onChannel<T>(
  connection: RabbitConnection,
  work: (channel: Channel) => Promise<T>,
): Promise<T> {
  const channel = await connection.openChannel();
  channel.on('error', () => undefined); // The rejection of the call says the same.
  try {
    return await work(channel);
  } finally {
    await closeChannel(channel);
  }
}
