import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import type { EventSubscriber } from './broker/subscriber.js';
import { Consumers } from './consume/consumers.js';
import { InboxRoom } from './consume/inbox-room.js';
import { ParkingRoom } from './consume/order/parking-room.js';
import { PartitionTurns } from './consume/order/partition-turns.js';
import { MessageReader } from './consume/payload/message-reader.js';
import { Pipelines } from './consume/pipelines.js';
import type { AmbientTransaction } from './emit/ambient-transaction.js';
import type { Codecs } from './event/codecs/codecs.js';
import type { Tracking } from './event/tracking.js';
import type { Lifecycle } from './lifecycle/lifecycle.js';
import type { TracingSlot } from './lifecycle/tracing.js';
import { Job, type JobRegistry } from './relay/jobs.js';
import { createPruner } from './relay/pruner.js';
import { PostgresConsumerRegistry } from './store/postgres/postgres-consumer-registry.js';
import { PostgresInbox } from './store/postgres/postgres-inbox.js';
import { PostgresParking } from './store/postgres/postgres-parking.js';
import type { Tables } from './store/postgres/tables.js';

/** Names of jobs in `SchedulerRegistry`. */
const PRUNE_INBOX_JOB = 'outbox.prune-inbox';
const WAKE_PARKED_JOB = 'outbox.wake-parked';
const SHARE_PARTITIONS_JOB = 'outbox.share-partitions';
/** Milliseconds between looks at whether this process has more than its share of partitions. */
const SHARE_INTERVAL = 5_000;
/** Milliseconds between looks for parked events whose reminder got lost. */
const SWEEP_INTERVAL = 60_000;

/** What the consuming side takes from the rest of an outbox. */
export interface ConsumingParts {
  readonly subscriber: EventSubscriber;
  readonly codecs: Codecs;
  readonly tracking: Tracking;
  readonly lifecycle: Lifecycle;
  readonly tracing: TracingSlot;
  readonly dataSource: DataSource;
  readonly tables: Tables;
  readonly ambient: AmbientTransaction;
  /** Milliseconds. */
  readonly inboxRetention: number;
  readonly registry: JobRegistry | undefined;
  readonly logger: Logger;
}

export function consumersOf(parts: ConsumingParts): Consumers {
  const { subscriber, codecs, tracking, lifecycle, tracing, dataSource, tables, logger } = parts;
  const inbox = inboxRoom(parts);
  const parking = new PostgresParking(dataSource, tables);
  const registeredConsumers = new PostgresConsumerRegistry(dataSource, tables);
  const pipelines = new Pipelines(
    subscriber,
    new MessageReader(codecs),
    tracking,
    inbox.inbox,
    parking,
    lifecycle,
    tracing,
    logger,
  );
  const job = (name: string, interval: number) => (run: () => Promise<void>) =>
    new Job(name, () => interval, run, parts.registry);
  return new Consumers(
    subscriber,
    pipelines,
    inbox,
    new ParkingRoom(parking, subscriber, job(WAKE_PARKED_JOB, SWEEP_INTERVAL), logger),
    new PartitionTurns(registeredConsumers, job(SHARE_PARTITIONS_JOB, SHARE_INTERVAL), logger),
    logger,
  );
}

function inboxRoom({ dataSource, tables, ambient, inboxRetention, registry }: ConsumingParts): InboxRoom {
  const logger = new Logger('OutboxInbox');
  const store = new PostgresInbox(dataSource, tables);
  const pruning = {
    job: PRUNE_INBOX_JOB,
    what: 'Handled events',
    prune: (retention: number, limit: number) => store.prune(retention, limit),
  };
  const pruner = createPruner(pruning, inboxRetention, registry, logger);
  return new InboxRoom(store, ambient, poolSizeOf(dataSource), inboxRetention, pruner, logger);
}

/** Connections at most; 10 is what pg's pool has when nothing is said. */
function poolSizeOf({ options }: DataSource): number {
  const { poolSize, extra } = options as { poolSize?: number; extra?: { max?: number } };
  return extra?.max ?? poolSize ?? 10;
}
