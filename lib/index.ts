// Setting up
export {
  OutboxModule,
  type OutboxAsyncOptions,
  type OutboxModuleExtras,
  type OutboxOptionsFactory,
} from './outbox.module.js';
export {
  getOutboxConsumersToken,
  getDeadLettersToken,
  getOutboxDoctorToken,
  getOutboxEventPublisherToken,
  getOutboxLifecycleToken,
  getOutboxRelayToken,
  getOutboxToken,
  getOutboxTopologyToken,
  InjectDeadLetters,
  InjectOutbox,
  InjectOutboxConsumers,
  InjectOutboxDoctor,
  InjectOutboxEventPublisher,
  InjectOutboxLifecycle,
  InjectOutboxRelay,
} from './outbox.tokens.js';
export type {
  BackoffOptions,
  ConnectionOptions,
  ConsumersOptions,
  EmitDefaults,
  EnhancersOptions,
  InboxOptions,
  OutboxOptions,
  RabbitMqOptions,
  RelayOptions,
  RelayRetryOptions,
  RetryOptions,
  StorageOptions,
} from './options/options.js';
export type { Duration } from './policy/duration.js';

// Writing events
export { OutboxService, type EventSource } from './emit/outbox.service.js';
export { OutboxEventPublisher } from './emit/outbox-event-publisher.js';
export type { EmitOptions, EventToEmit } from './emit/emit-options.js';
export type { TransactionHandle } from './emit/transaction.js';
export type { EventHeaders } from './event/envelope.js';
export type { FailedAttempt } from './event/failed-attempt.js';
export type { Codec, CodecName } from './event/codec.js';
export type { WireFormat } from './event/wire/format.js';

// Describing events
export { OutboxEvent, type EventClass, type OutboxEventOptions } from './event/outbox-event.decorator.js';
export { BaseEvent } from './event/base-event.js';
export * from './event/registry.js';

// Handling events
export { OnEvent, OnOutboxEvent, type OnEventOptions } from './consume/on-event.decorator.js';
export type { CloudEventAttributes } from './event/wire/cloud-event.js';
export { EventContext } from './consume/event-context.js';
export { EventBatch } from './consume/batch/event-batch.js';
export type { BatchOptions } from './consume/batch/batch-options.js';
export { OutboxConsumers } from './consume/outbox-consumers.js';
export type { ParkedKey } from './store/parking-store.js';
export type { ConsumerState } from './consume/consumers.js';
export { Abort, Reject, Retry } from './consume/signals.js';

// Relaying and operating
export { OutboxRelay } from './relay/relay.js';
export type { RelayRates } from './relay/rates.js';
export type { RelayCounts, RelayOwner, RelayStats } from './relay/relay-stats.js';
export type { ReturnedKey } from './relay/returned-keys.js';

// Dead letters
export {
  DeadLetters,
  type DeadLetterCount,
  type DeadLetterList,
  type ListOptions,
} from './admin/dead-letters/dead-letters.js';
export type { DeadLetter } from './admin/dead-letters/dead-letter.js';
export type { DeadLetterFilter, DeadLetterTarget } from './admin/dead-letters/dead-letter-filter.js';
export type { SweepOptions, SweepProblem, SweepProgress, SweepReport } from './admin/dead-letters/sweep.js';

// What is wrong
export { OutboxDoctor } from './admin/doctor/doctor.js';
export type { CheckName, CheckResult, Diagnosis, Finding } from './admin/doctor/diagnosis.js';
export type { DoctorOptions } from './admin/doctor/thresholds.js';

// Observing
export { OutboxLifecycle } from './lifecycle/outbox-lifecycle.js';
export type { LifecycleListener } from './lifecycle/lifecycle.js';
export type {
  DeadLetterAction,
  DeliveredEvent,
  EventRef,
  FailedDelivery,
  FailedEvent,
  LifecycleMessage,
  LifecycleMessages,
  LifecycleName,
  PublishedEvent,
  RelayedEvent,
  SettledEvent,
} from './lifecycle/messages.js';

export { OutboxTopology, type ExportOptions } from './broker/rabbitmq/outbox-topology.js';
export type { RabbitDefinitions } from './broker/rabbitmq/exported-definitions.js';
export type { Permissions, RolePermissions } from './broker/rabbitmq/permissions.js';
export type { TopologyReport } from './broker/topology-report.js';

// Tables
export type { Archive, ArchivedEvent, ArchiveFunction } from './event/archive.js';
export { InboxEntity, OutboxEventEntity, type EventState } from './store/entities.js';
export {
  createOutboxMigrations,
  outboxMigrations,
  outboxMigrationSql,
} from './store/postgres/migrations/migrations.js';
export type { TableNames } from './store/postgres/tables.js';

// Errors
export { ArchiveFailedError } from './errors/archive-failed.error.js';
export { OutboxError } from './errors/outbox.error.js';
export { BrokerUnavailableError } from './errors/broker-unavailable.error.js';
export { ChannelLostError } from './errors/channel-lost.error.js';
export { DeadLettersBusyError } from './errors/dead-letters-busy.error.js';
export { HandlerQueueMissingError } from './errors/handler-queue-missing.error.js';
export { HandlerTimeoutError } from './errors/handler-timeout.error.js';
export { InboxRequiredError } from './errors/inbox-required.error.js';
export { InvalidDeadLetterFilterError } from './errors/invalid-dead-letter-filter.error.js';
export { InvalidEventOptionError } from './errors/invalid-event-option.error.js';
export { InvalidEventTypeError } from './errors/invalid-event-type.error.js';
export { InvalidHandlerError } from './errors/invalid-handler.error.js';
export { InvalidPayloadError, type PayloadIssue } from './errors/invalid-payload.error.js';
export { InvalidMessageError } from './errors/invalid-message.error.js';
export { InvalidOptionError } from './errors/invalid-option.error.js';
export { PayloadTooLargeError } from './errors/payload-too-large.error.js';
export { PublishRefusedError } from './errors/publish-refused.error.js';
export { SchemaOutdatedError } from './errors/schema-outdated.error.js';
export { PartitionsChangedError } from './errors/partitions-changed.error.js';
export { PluginMissingError } from './errors/plugin-missing.error.js';
export { TopologyForbiddenError } from './errors/topology-forbidden.error.js';
export { TopologyMismatchError, type TopologyMismatch } from './errors/topology-mismatch.error.js';
export { TopologyMissingError } from './errors/topology-missing.error.js';
export { TransactionAlreadyRunningError } from './errors/transaction-already-running.error.js';
export { TransactionRequiredError } from './errors/transaction-required.error.js';
export { TransactionSpoiltError } from './errors/transaction-spoilt.error.js';
export { UndecodableMessageError } from './errors/undecodable-message.error.js';
export { UnknownHandlerError } from './errors/unknown-handler.error.js';
export { UnroutableEventError } from './errors/unroutable-event.error.js';
export { UnserializablePayloadError } from './errors/unserializable-payload.error.js';
export { WrongDataSourceError } from './errors/wrong-data-source.error.js';
