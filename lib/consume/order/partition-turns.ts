import type { Logger } from '@nestjs/common';
import { describeFailure } from '../failure.js';
import type { Housekeeping } from '../inbox-room.js';
import type { ConsumerRegistry } from '../../store/consumer-registry.js';
import type { QueueConsumer } from '../queue-consumer.js';

/**
 * Spreads the partitions of handlers over the replicas. RabbitMQ makes the first that comes the active consumer, and so
 * one process of all partitions. It gives up those beyond its share, one after the other, and stands in line again; and
 * whoever gets more than a share by that does likewise, until nobody has. How many replicas there are is known from the
 * database: of a quorum queue's consumers the broker tells the active one only.
 */
export class PartitionTurns {
  private consumers: readonly QueueConsumer[] = [];
  private job: Housekeeping | undefined;

  constructor(
    private readonly registry: Pick<ConsumerRegistry, 'list'>,
    /** Calls `share()` again and again. */
    private readonly sharing: (share: () => Promise<void>) => Housekeeping,
    private readonly logger: Pick<Logger, 'warn'>,
  ) {}

  open(consumers: readonly QueueConsumer[]): void {
    this.consumers = consumers.filter(({ queue }) => (queue.partition?.count ?? 1) > 1);
    if (this.job || this.consumers.length === 0) return;
    this.job = this.sharing(() => this.share());
    this.job.start();
  }

  /** A partition that is being given up then stays so. */
  close(): void {
    void this.job?.stop();
  }

  private async share(): Promise<void> {
    const handlers = new Set(this.consumers.map(({ queue }) => queue.commonName));
    try {
      for (const name of handlers)
        await this.shareOf(
          name,
          this.consumers.filter(({ queue }) => queue.commonName === name),
        );
    } catch (error) {
      this.logger.warn(`Partitions could not be shared with other replicas: ${describeFailure(error)}`);
    }
  }

  /** Those with nothing to do count for nothing: nobody tells us whether we are their active consumer. */
  private async shareOf(name: string, partitions: readonly QueueConsumer[]): Promise<void> {
    const busy = partitions.filter((partition) => partition.wasBusy());
    if (busy.length < 2) return;
    const consumers = await this.registry.list();
    const replicas = consumers.filter(({ queue, alive }) => alive && queue === name).length;
    const share = Math.ceil(partitions.length / Math.max(1, replicas));
    for (const partition of busy.slice(share)) await partition.giveUpTurn();
  }
}
