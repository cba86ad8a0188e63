import { hostname } from 'node:os';
import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { DeadLetters } from './admin/dead-letters/dead-letters.js';
import { OutboxDoctor } from './admin/doctor/doctor.js';
import type { DoctorParts } from './admin/doctor/facts.js';
import type { SubscriptionRequest } from './broker/subscriber.js';
import type { PlanSettings } from './broker/rabbitmq/plan.js';
import { RabbitMq } from './broker/rabbitmq/rabbitmq.js';
import type { Consumers } from './consume/consumers.js';
import { handlerQueues } from './consume/handler.js';
import { LeftoversTeller } from './consume/leftovers-teller.js';
import { MessageReader } from './consume/payload/message-reader.js';
import { RollCall } from './consume/roll-call.js';
import { consumersOf } from './consumers.assembly.js';
import { AmbientTransaction } from './emit/ambient-transaction.js';
import { Announcer } from './emit/announcer.js';
import { clsTransactions } from './emit/nestjs-cls.js';
import { OutboxService } from './emit/outbox.service.js';
import { TransactionHooks, type Emission } from './emit/transaction-hooks.js';
import { WakeUp } from './emit/wake-up.js';
import { Codecs } from './event/codecs/codecs.js';
import { Tracking } from './event/tracking.js';
import { Lifecycle } from './lifecycle/lifecycle.js';
import { TracingSlot } from './lifecycle/tracing.js';
import type { ResolvedOptions } from './options/schema.js';
import { settledWithin } from './policy/deadline.js';
import { LifecycleLog } from './observe/lifecycle-log.js';
import type { Job, JobRegistry } from './relay/jobs.js';
import { createPruner, publishedEvents } from './relay/pruner.js';
import { OutboxRelay } from './relay/relay.js';
import { applyTableNames, storageNames } from './store/apply-table-names.js';
import { PostgresConsumerRegistry } from './store/postgres/postgres-consumer-registry.js';
import { PostgresDeadEvents } from './store/postgres/postgres-dead-events.js';
import { PostgresInspection } from './store/postgres/postgres-inspection.js';
import { PostgresParking } from './store/postgres/postgres-parking.js';
import { PostgresStore } from './store/postgres/postgres-store.js';
import { tables } from './store/postgres/tables.js';
import type { OutboxStore } from './store/store.js';

/** Below this, a process that is merely busy would be taken for one that is frozen; in milliseconds. */
const LEAST_IDLE_TIMEOUT = 3_000;

/** Every part of one outbox, wired to each other and not yet running. */
export interface OutboxParts {
  readonly options: ResolvedOptions;
  readonly lifecycle: Lifecycle;
  readonly tracing: TracingSlot;
  readonly store: OutboxStore;
  readonly broker: RabbitMq;
  readonly topology: PlanSettings & { readonly urls: readonly string[] };
  readonly hooks: TransactionHooks;
  readonly announcer: Announcer;
  readonly service: OutboxService;
  readonly relay: OutboxRelay;
  readonly pruner: Job | undefined;
  readonly consumers: Consumers;
  readonly rollCall: RollCall;
  readonly deadLetters: DeadLetters;
  /** For an application that has these handlers. */
  readonly doctorFor: (requests: Requests, outside?: OutsideApplication) => OutboxDoctor;
}

/** For who asks about an application from outside of it. */
export type OutsideApplication = Required<Pick<DoctorParts, 'ready'>> &
  Required<Pick<DoctorParts['application'], 'isExchangeGuessed'>>;

/** What the handlers of an application need of the broker. */
type Requests = () => readonly SubscriptionRequest[];

/** Builds the parts, and brings the tables up to date (or fails the start because they are not). */
export async function assemble(
  name: string,
  options: ResolvedOptions,
  dataSource: DataSource,
  registry: JobRegistry | undefined,
): Promise<OutboxParts> {
  const { storage, emit, relay, rabbitmq, retention, consumers } = options;
  const tracing = new TracingSlot();
  const lifecycle = new Lifecycle(name, new Logger('OutboxLifecycle'));
  const names = storageNames(dataSource, storage);
  applyTableNames(dataSource, names);
  const idleTimeout = Math.max(LEAST_IDLE_TIMEOUT, relay.publishTimeout);
  const store = new PostgresStore(dataSource, {
    tables: tables(names),
    migrate: storage.migrate,
    parking: relay.onDead === 'park',
    deletePublished: retention === 0,
    archive: options.archive,
    idleTimeout,
    ordering: emit.ordering,
  });
  if (!options.idle) await store.prepare();
  const topology = {
    urls: rabbitmq.url,
    exchange: rabbitmq.exchange,
    alternateExchange: rabbitmq.alternateExchange,
    queueType: rabbitmq.queueType,
    maxRedeliveries: consumers.maxRedeliveries,
  };
  const broker = new RabbitMq(
    {
      ...rabbitmq.connection,
      ...topology,
      service: options.service,
      mode: rabbitmq.topology,
      publishTimeout: relay.publishTimeout,
      onChannel: (channel) => tracing.active?.takeOver(channel),
    },
    lifecycle,
    new Logger('OutboxBroker'),
  );
  const wakeUp = new WakeUp();
  const hooks = new TransactionHooks(dataSource, (emissions) => {
    wakeUp.signal();
    if (emissions.length > 0) lifecycle.tell('emitted', together(emissions));
  });
  const ambient = new AmbientTransaction(dataSource, clsTransactions(storage.dataSource));
  const tracking = new Tracking();
  const codecs = new Codecs(emit.codec, options.codecs);
  const target = { dataSource, name: storage.dataSource };
  const logger = new Logger('OutboxRelay');
  const consumerLogger = new Logger('OutboxConsumers');
  new LifecycleLog(lifecycle, logger, consumerLogger).start();
  const settings = {
    ...relay,
    ...relay.retry,
    unroutable: rabbitmq.unroutable,
    exchange: rabbitmq.exchange,
    idleTimeout,
    announcement: { service: options.service, host: hostname(), pid: process.pid, lanes: relay.lanes },
  };
  const outboxRelay = new OutboxRelay(store, broker.publisher, settings, registry, logger, lifecycle);
  wakeUp.onSignal(() => tracing.untraced(() => outboxRelay.wake()));
  const announcer = new Announcer(() => store.notify(), new Logger('Outbox'));
  if (relay.wakeUp === 'auto')
    wakeUp.onSignal(() => tracing.untraced(() => outboxRelay.isAlone || announcer.announce()));
  const registeredConsumers = new PostgresConsumerRegistry(dataSource, tables(names));
  const consuming = consumersOf({
    subscriber: broker.subscriber,
    codecs,
    tracking,
    lifecycle,
    tracing,
    dataSource,
    tables: tables(names),
    ambient,
    inboxRetention: options.inboxRetention,
    registry,
    logger: consumerLogger,
  });
  const deadLetters = new DeadLetters({
    events: new PostgresDeadEvents(dataSource, tables(names)),
    queues: broker.deadLetters,
    parking: new PostgresParking(dataSource, tables(names)),
    registry: registeredConsumers,
    own: () => consuming.states.map(({ queue }) => queue),
    messages: new MessageReader(codecs),
    lifecycle,
    wake: () => wakeUp.signal(),
  });
  return {
    options,
    lifecycle,
    tracing,
    store,
    broker,
    topology,
    hooks,
    announcer,
    service: new OutboxService(
      target,
      store,
      ambient,
      hooks,
      tracking,
      { ...emit, codecs, format: options.format, source: options.service },
      lifecycle,
      tracing,
      new Logger('Outbox'),
    ),
    relay: outboxRelay,
    pruner:
      retention > 0
        ? createPruner(publishedEvents(store, lifecycle), retention, registry, logger)
        : undefined,
    consumers: consuming,
    rollCall: new RollCall(
      registeredConsumers,
      {
        service: options.service,
        exchange: rabbitmq.exchange,
        topology: rabbitmq.topology,
        queueType: rabbitmq.queueType,
        maxRedeliveries: consumers.maxRedeliveries,
        alternateExchange: rabbitmq.alternateExchange ?? null,
      },
      new LeftoversTeller((queue) => broker.lookAt(queue), consumerLogger),
      consumerLogger,
    ),
    deadLetters,
    doctorFor: (requests, { ready, isExchangeGuessed = false }: Partial<OutsideApplication> = {}) =>
      new OutboxDoctor({
        ...(ready && { ready }),
        store: new PostgresInspection(dataSource, tables(names)),
        broker: broker.inspection,
        registry: registeredConsumers,
        letters: deadLetters,
        application: {
          service: options.service,
          plan: topology,
          isExchangeGuessed,
          topology: rabbitmq.topology,
          relays: relay.enabled,
          consumes: consumers.enabled,
          requests,
        },
        here,
      }),
  };
}

const here = {
  host: hostname(),
  now: () => Date.now(),
  isRunning: (pid: number) => {
    try {
      return process.kill(pid, 0);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EPERM';
    }
  },
};

/** All that one transaction emitted. */
function together(emissions: readonly Emission[]): Emission {
  const [only, ...more] = emissions as [Emission, ...Emission[]];
  if (more.length === 0) return only;
  return {
    events: emissions.flatMap(({ events }) => events),
    duplicates: emissions.reduce((sum, { duplicates }) => sum + duplicates, 0),
  };
}

type Handlers = Parameters<Consumers['start']>[0];

/**
 * Starts what this process is for. Consumers last: by then what their handlers need is running. What the relay does, and
 * what comes in on its connection, belongs to no trace; what handlers do belongs to theirs.
 */
export async function start(parts: OutboxParts, handlers: Handlers): Promise<void> {
  const { options, broker, relay, pruner, consumers, rollCall, tracing } = parts;
  const consuming = handlers.length > 0;
  // Handlers publish, too: their retries and dead letters.
  const publishing = options.relay.enabled || consuming;
  await Promise.all([
    tracing.untraced(() => broker.connect({ publishing, consuming: false })),
    broker.connect({ publishing: false, consuming }),
  ]);
  if (consuming) await consumers.prepare(handlers);
  await tracing.untraced(async () => {
    if (publishing) await broker.startPublishing();
    if (!options.relay.enabled) return;
    relay.start();
    pruner?.start();
  });
  if (!consuming) return;
  await consumers.start(handlers);
  tracing.untraced(() => rollCall.add(handlerQueues(handlers)));
}

/** Starts handlers that were not known when the rest was started. */
export async function startConsuming(
  { broker, consumers, rollCall, tracing }: OutboxParts,
  handlers: Parameters<Consumers['start']>[0],
): Promise<void> {
  if (handlers.length === 0) return;
  await broker.connect({ publishing: true, consuming: true });
  await consumers.prepare(handlers);
  await broker.startPublishing();
  await consumers.start(handlers);
  tracing.untraced(() => rollCall.add(handlerQueues(handlers)));
}

/** Nothing new begins from here on. A broker that does not answer the cancel is not waited for. */
export async function halt({ options, relay, consumers }: OutboxParts): Promise<void> {
  relay.stop();
  await settledWithin(consumers.cancel(), options.shutdownTimeout);
}

/** Waits for what is running, up to `shutdownTimeout`, gives the rest back, and lets go of every connection. */
export async function close(parts: OutboxParts): Promise<void> {
  const { options, store, broker, hooks, announcer, relay, pruner, consumers, rollCall } = parts;
  await Promise.all([
    consumers.close(options.shutdownTimeout).then(() => rollCall.stop()),
    relay.finished(options.shutdownTimeout),
    pruner && settledWithin(pruner.stop(), options.shutdownTimeout),
  ]);
  await broker.close();
  announcer.close();
  await store.close();
  hooks.close();
}
