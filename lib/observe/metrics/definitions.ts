/** Labels a metric may have besides `outbox`, which all of them have. */
export type Label = 'type' | 'consumer' | 'outcome' | 'reason' | 'state' | 'connection';

export interface MetricDefinition {
  /** In Prometheus. */
  readonly name: string;
  /** In OpenTelemetry. */
  readonly otelName: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** Of OpenTelemetry; Prometheus has it in the name. */
  readonly unit: string;
  readonly help: string;
  readonly labels: readonly Label[];
  /** Of a histogram: upper bounds. */
  readonly buckets?: readonly number[];
}

/** The boundaries that OpenTelemetry's conventions advise for messaging, in seconds. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
/** Of what may wait for a broker that is away. */
const LONG_SECONDS = [...SECONDS, 30, 60, 300, 900, 3_600];
const EVENTS = [1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000];

const counter = (
  name: string,
  otelName: string,
  labels: readonly Label[],
  help: string,
): MetricDefinition => ({ name, otelName, kind: 'counter', unit: '{event}', labels, help });

const gauge = (
  name: string,
  otelName: string,
  unit: string,
  labels: readonly Label[],
  help: string,
): MetricDefinition => ({ name, otelName, kind: 'gauge', unit, labels, help });

const histogram = (
  name: string,
  otelName: string,
  unit: string,
  labels: readonly Label[],
  help: string,
  buckets: readonly number[] = SECONDS,
): MetricDefinition => ({ name, otelName, kind: 'histogram', unit, labels, help, buckets });

/**
 * Every metric, by what the code calls it. Where OpenTelemetry's conventions have a name for one, it bears that there.
 */
export const COUNTERS = {
  emitted: counter(
    'outbox_emitted_total',
    'outbox.emitted',
    ['type'],
    'Events written by transactions that have committed, in this process',
  ),
  published: counter(
    'outbox_published_total',
    'messaging.client.sent.messages',
    ['type'],
    'Events confirmed by the broker and settled by this relay',
  ),
  unroutable: counter(
    'outbox_unroutable_total',
    'outbox.unroutable',
    ['type'],
    'Events that no queue was bound for',
  ),
  publishFailures: counter(
    'outbox_publish_failures_total',
    'outbox.publish.failures',
    ['type'],
    'Attempts to publish that the broker refused',
  ),
  publishRetries: counter(
    'outbox_retries_total',
    'outbox.retries',
    ['type'],
    'Refused attempts to publish that are followed by another',
  ),
  publishDead: counter(
    'outbox_dead_letters_total',
    'outbox.dead_letters',
    ['type'],
    'Events whose attempts to be published are used up',
  ),
  unanswered: counter(
    'outbox_unanswered_total',
    'outbox.unanswered',
    [],
    'Events published whose confirm never came; they are published again',
  ),
  pruned: counter('outbox_pruned_total', 'outbox.pruned', [], 'Published rows deleted after their retention'),
  breakerOpened: counter(
    'outbox_breaker_opened_total',
    'outbox.breaker.opened',
    [],
    'Times this relay stopped claiming because of trouble with database or broker',
  ),
  received: counter(
    'inbox_received_total',
    'messaging.client.consumed.messages',
    ['consumer'],
    'Messages delivered to a queue of this process',
  ),
  processed: counter(
    'inbox_processed_total',
    'inbox.processed',
    ['consumer', 'outcome'],
    'Deliveries settled, by what became of them',
  ),
  handlerRetries: counter(
    'inbox_retries_total',
    'inbox.retries',
    ['consumer'],
    'Failed attempts to handle that are followed by another',
  ),
  handlerDead: counter(
    'inbox_dead_letters_total',
    'inbox.dead_letters',
    ['consumer', 'reason'],
    'Messages put on a dead-letter queue',
  ),
  duplicates: counter(
    'inbox_duplicates_total',
    'inbox.duplicates',
    ['consumer'],
    'Messages that had been handled before, as the inbox knew',
  ),
} satisfies Record<string, MetricDefinition>;

export const HISTOGRAMS = {
  publishDuration: histogram(
    'outbox_publish_duration_seconds',
    'messaging.client.operation.duration',
    's',
    [],
    'From handing a batch to the broker until its outcomes are on record',
  ),
  publishLag: histogram(
    'outbox_publish_lag_seconds',
    'outbox.publish.lag',
    's',
    [],
    'From the emission of an event (its delay included, if it has one) until it is published and settled',
    LONG_SECONDS,
  ),
  batchSize: histogram(
    'outbox_relay_batch_size',
    'outbox.relay.batch_size',
    '{event}',
    [],
    'Events settled at once',
    EVENTS,
  ),
  handlerDuration: histogram(
    'inbox_process_duration_seconds',
    'messaging.process.duration',
    's',
    ['consumer'],
    'Time that handlers take',
  ),
} satisfies Record<string, MetricDefinition>;

export const GAUGES = {
  lastSuccess: gauge(
    'outbox_relay_last_success_timestamp_seconds',
    'outbox.relay.last_success',
    's',
    [],
    'When this relay last settled a published event, in seconds since 1970',
  ),
  messages: gauge(
    'outbox_messages',
    'outbox.messages',
    '{event}',
    ['state'],
    'Events in the outbox by state. Counting stops at a limit',
  ),
  relays: gauge(
    'outbox_relays',
    'outbox.relays',
    '{relay}',
    ['state'],
    'Relays of all processes: those that work lanes, and those that stand by',
  ),
  lanes: gauge(
    'outbox_lanes',
    'outbox.lanes',
    '{lane}',
    ['state'],
    'Shares of the keys: those that a relay works, and those that none does',
  ),
  inFlight: gauge(
    'outbox_in_flight_messages',
    'outbox.in_flight',
    '{event}',
    [],
    'Events in the hands of this relay',
  ),
  lag: gauge(
    'outbox_lag_seconds',
    'outbox.lag',
    's',
    [],
    'Age of the oldest event that is due and unpublished',
  ),
  breakerOpen: gauge(
    'outbox_breaker_open',
    'outbox.breaker.open',
    '1',
    [],
    '1 while this relay does not claim because of trouble with database or broker',
  ),
  paused: gauge(
    'outbox_relay_paused',
    'outbox.relay.paused',
    '1',
    [],
    '1 while this relay is paused by hand',
  ),
  brokerConnected: gauge(
    'outbox_broker_connected',
    'outbox.broker.connected',
    '1',
    ['connection'],
    '1 while there is a connection to the broker',
  ),
  brokerBlocked: gauge(
    'outbox_broker_blocked',
    'outbox.broker.blocked',
    '1',
    ['connection'],
    '1 while the broker blocks publishing, as it does when it is short of memory or disk',
  ),
  deadLetters: gauge(
    'inbox_dead_letter_messages',
    'inbox.dead_letter.messages',
    '{message}',
    ['consumer'],
    'Messages on the dead-letter queue of a queue that this process consumes',
  ),
  consuming: gauge(
    'inbox_consumer_active',
    'inbox.consumer.active',
    '1',
    ['consumer'],
    '1 while this process consumes the queue, 0 while it cannot; missing while it is paused by hand',
  ),
  consumerPaused: gauge(
    'inbox_consumer_paused',
    'inbox.consumer.paused',
    '1',
    ['consumer'],
    '1 while the queue is paused by hand in this process',
  ),
} satisfies Record<string, MetricDefinition>;

export const METRICS: readonly MetricDefinition[] = [COUNTERS, HISTOGRAMS, GAUGES].flatMap((group) =>
  Object.values(group),
);
