import type { AmqpConnectionManagerOptions } from 'amqp-connection-manager';
import type { Archive } from '../event/archive.js';
import type { Codec, CodecName } from '../event/codec.js';
import type { WireFormat } from '../event/wire/format.js';
import type { Duration } from '../policy/duration.js';
import type { Jitter } from '../policy/backoff.js';

/** What `OutboxModule.forRoot()` takes. Only `service` is required. */
export interface OutboxOptions {
  /** Name of this service: `appId` of its messages and prefix of its queues. Replicas share it. */
  service: string;
  rabbitmq?: RabbitMqOptions;
  storage?: StorageOptions;
  emit?: EmitDefaults;
  relay?: RelayOptions;
  consumers?: ConsumersOptions;
  /** Codecs of your own that messages may arrive in, besides the library's and `emit.codec`. */
  codecs?: Codec[];
  /**
   * How events look on the wire, unless their class or `emit()` says otherwise; handlers understand all of them, whatever
   * is set here. Default `'plain'`.
   */
  format?: WireFormat;
  /** How long published rows stay in the table. `'0s'` deletes them as they are published. Default `'7d'`. */
  retention?: Duration;
  /**
   * What becomes of published rows when their retention is over. `'table'`: they are moved to the table `<table>_archive`.
   * A function: they are handed to it before they are removed, up to 1,000 events and 8 MiB of payloads at once, at least
   * once; it has a minute for each call. Default: none, they are gone.
   */
  archive?: Archive;
  /**
   * Starts nothing: no relay and no consumers, and leaves the tables as they are. For commands and scripts that boot the
   * application only to ask it something. Default `false`.
   */
  idle?: boolean;
  /**
   * How long inboxes remember what they have handled. Longer than any retry waits, and than dead letters lie that will be
   * requeued. Default `'30d'`.
   */
  inboxRetention?: Duration;
  /** How long shutdown waits for running handlers and open confirms. Default `'30s'`. */
  shutdownTimeout?: Duration;
}

export interface RabbitMqOptions {
  /** AMQP URL, or several to fail over between. Default `'amqp://guest:guest@localhost:5672'`. */
  url?: string | string[];
  /** The topic exchange events are published to. Default `'events'`. */
  exchange?: string;
  /**
   * Topic exchange to which RabbitMQ hands the events that no queue of `exchange` is bound for. What a queue there gets
   * counts as routed: it is not returned. Every service with the same `exchange` has to say the same. Default: none.
   */
  alternateExchange?: string;
  /** Kind of every queue we declare. Default `'quorum'`. */
  queueType?: 'quorum' | 'classic';
  /**
   * `'assert'` declares exchanges and queues; `'check'` fails the start naming those that are missing; `'none'`
   * trusts that they are there. Default `'assert'`.
   */
  topology?: 'assert' | 'check' | 'none';
  /**
   * What becomes of an event no queue is bound for. `'record'`: it counts as published, and the row says that it was
   * returned. `'fail'`: it is retried like any refused event, then dead. `requireRoute` of an event comes first. Default
   * `'record'`.
   */
  unroutable?: 'record' | 'fail';
  connection?: ConnectionOptions;
}

export interface ConnectionOptions {
  /** Interval of AMQP heartbeats, whole seconds; a dead peer is noticed after two. Default `'10s'`. */
  heartbeat?: Duration;
  /** Wait between attempts to connect. Default `'1s'`. */
  reconnectDelay?: Duration;
  /** TLS and socket settings, handed to amqplib as they are. */
  socket?: AmqpConnectionManagerOptions['connectionOptions'];
}

export interface StorageOptions {
  /** Name of the TypeORM data source the tables live in. Default `'default'`. */
  dataSource?: string;
  /** Database schema of the tables. Default: the data source's own. */
  schema?: string;
  /** Default `'outbox'`. */
  table?: string;
  /** Default `'outbox_inbox'`. */
  inboxTable?: string;
  /** Create or upgrade the tables at start. Default: `true` unless `NODE_ENV` is `'production'`. */
  migrate?: boolean;
}

export interface EmitDefaults {
  /** Largest encoded payload in bytes. Default 1 MiB. */
  maxPayload?: number;
  /** How payloads become bytes, unless the event or its class says otherwise. Default `'json'`. */
  codec?: CodecName | Codec;
  /**
   * What numbers the events of a key. `'emit'`: the order of the `emit()` calls, which is the order of the commits as
   * long as transactions that emit for a key lock what the key stands for. `'commit'`: a lock per key, taken in the same
   * statement and held to the end of the transaction, makes it so for all; transactions that emit for several keys in
   * different order can then deadlock, and PostgreSQL has room for about `max_locks_per_transaction` × `max_connections`
   * locks in all, which an `emitMany()` of thousands of keys can use up. Default `'emit'`.
   */
  ordering?: 'emit' | 'commit';
  /** How long the broker may hold a message that nobody consumes, for every event. Default: for ever. */
  expiration?: Duration;
}

export interface RelayOptions {
  /** `false` for processes that only write or only consume. Default `true`. */
  enabled?: boolean;
  /** How often the relay looks for rows nobody told it about. Default `'1s'`. */
  pollInterval?: Duration;
  /** Rows claimed at once. Default 500. */
  batchSize?: number;
  /** Published but unconfirmed messages at most. Default 2000. */
  window?: number;
  /**
   * How many shares the keys are divided into: 1, 2, 4, … 256. A share is worked by one relay at a time, so it is also how
   * many relays can work at once. Default 16.
   */
  lanes?: number;
  /**
   * How relays of other processes learn of an event. `'auto'`: they are notified after its transaction has committed, as
   * far as the database lets them hear it, and poll besides. `'poll'`: they poll; nobody is notified. The relay of the same
   * process is woken at once in either case. Default `'auto'`.
   */
  wakeUp?: 'auto' | 'poll';
  /** How long a batch waits for its confirms; what is unconfirmed then stays pending. Default `'10s'`. */
  publishTimeout?: Duration;
  retry?: RelayRetryOptions;
  /**
   * Whether later events of a key wait behind a dead one (`'park'`) or overtake it (`'continue'`). Default `'park'`.
   */
  onDead?: 'park' | 'continue';
}

export interface RelayRetryOptions {
  /** Attempts in all before an event the broker refuses is dead. Default 20. */
  attempts?: number;
  backoff?: BackoffOptions;
}

export interface BackoffOptions {
  /** The first wait. Default `'1s'`. */
  delay?: Duration;
  /** Each wait is this many times the one before. Default 2. */
  factor?: number;
  /** Default `'5m'`. */
  maxDelay?: Duration;
  /** Default `'equal'` for the relay, `'none'` for handlers. */
  jitter?: Jitter;
}

export interface ConsumersOptions {
  /** `false` for processes that must not handle events. Default `true`. */
  enabled?: boolean;
  /** Unsettled deliveries per handler, which is also how many of it run at once, at most. Default 100. */
  prefetch?: number;
  /** Delays before each further attempt of a failing handler. Default `['1s', '10s', '1m', '5m']`. */
  retry?: RetryOptions;
  /**
   * Handles every event in a transaction that also remembers it, so that what the handler writes through
   * `context.manager` happens once. Default `false`.
   */
  inbox?: InboxOptions;
  /** How long a handler may run; past that it counts as failed, and `context.signal` aborts. Default: as long as it likes. */
  timeout?: Duration;
  /** Redeliveries of a message that kills its consumer before it is a dead letter (quorum queues). Default 20. */
  maxRedeliveries?: number;
  enhancers?: EnhancersOptions;
}

/**
 * Whether what applies to the whole application (`APP_GUARD`, `app.useGlobalGuards()`, and their sisters) applies to
 * handlers, too. Those of a handler's method or class always do.
 */
export interface EnhancersOptions {
  /** Default `true`. */
  guards?: boolean;
  /** Default `true`. */
  interceptors?: boolean;
  /** Default `true`. */
  pipes?: boolean;
  /** Default `true`. */
  filters?: boolean;
}

/** Whether there is an inbox, or with which isolation level its transactions run. Default: that of the data source. */
export type InboxOptions = boolean | { isolation?: 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE' };

/**
 * A list of delays, one per further attempt; or a rule; or `false` for one attempt only.
 * @example ['1s', '10s', '1m']
 * @example { attempts: 5, backoff: { delay: '1s', factor: 3 }, retryIf: (error) => !(error instanceof TypeError) }
 */
export type RetryOptions =
  | readonly Duration[]
  | false
  | {
      /** Attempts in all, the first included. Default 5. */
      attempts?: number;
      /**
       * Waits between them, each rounded up to a step of a short ladder: every distinct delay is a queue. With `jitter`,
       * one of the steps up to it, by chance: from half of it (`'equal'`), or from the first (`'full'`).
       */
      backoff?: BackoffOptions;
      /** The delays themselves, instead of `attempts` and `backoff`. */
      delays?: readonly Duration[];
      /**
       * How often a failed run is repeated at once, in place, before it counts as an attempt: for failures that are over
       * in a moment, such as a lost race. Up to 10. Default 0. Not after a timeout, nor for what is thrown as `Retry`.
       */
      immediate?: number;
      /** `false` sends the message to the dead letters at once. */
      retryIf?: (error: unknown) => boolean;
    };
