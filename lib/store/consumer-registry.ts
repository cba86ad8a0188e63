/** What a consumer has on the broker, for those who look whether it is there. */
export interface ConsumerNeeds {
  /** The event exchange of its outbox; other names are made of it. */
  readonly exchange: string;
  readonly topology: 'assert' | 'check' | 'none';
  readonly queueType: 'quorum' | 'classic';
  readonly maxRedeliveries: number;
  readonly alternateExchange: string | null;
  /** Delays of its retries, in milliseconds. */
  readonly delays: readonly number[];
  /** Milliseconds that a message may wait. */
  readonly expiration: number | null;
  readonly singleActive: boolean;
  /** How many queues its events are spread over by their keys, if they are. */
  readonly partitions: number | null;
  /** Each of its processes has a queue of its own, and none is called what is on record. */
  readonly broadcast: boolean;
}

/** What a process says of one of its consumers. */
export interface ConsumerAnnouncement {
  /** Of the handlers; of a broadcast, the name that its processes have in common. */
  readonly queue: string;
  readonly service: string;
  /** `Class.method` of each. */
  readonly handlers: readonly string[];
  /** Topic patterns the queue is bound with. */
  readonly patterns: readonly string[];
  /** The exchange the events come from. */
  readonly exchange: string;
  readonly needs: ConsumerNeeds;
}

/** One process's consumer of a queue. */
export interface RegisteredConsumer extends ConsumerAnnouncement {
  /** Made up anew by each process. */
  readonly process: string;
  readonly host: string;
  readonly startedAt: Date;
  /** When it last said that it lives. */
  readonly seenAt: Date;
  /** When it was shut down in order. */
  readonly stoppedAt: Date | null;
  /** It lives, as far as anybody knows, by the database's clock. */
  readonly alive: boolean;
}

export interface ConsumingProcess {
  readonly process: string;
  readonly host: string;
}

/**
 * Which processes consume which queues. The last consumer of a queue stays on record when it is gone: so its dead letters
 * are found by processes that have no handlers, and a queue that nobody consumes any more is noticed.
 */
export interface ConsumerRegistry {
  /** Says that the process lives and consumes these; to be said again and again. */
  announce(who: ConsumingProcess, consumers: readonly ConsumerAnnouncement[]): Promise<void>;

  /** The process shuts down. */
  retire(who: ConsumingProcess): Promise<void>;

  /** All on record, by queue; those that live, and then the latest, first. */
  list(): Promise<RegisteredConsumer[]>;

  /** Takes a queue off the record: it is gone for good. Resolves to whether nobody lives that consumes it. */
  forget(queue: string): Promise<boolean>;
}

/** How often a process says that it lives, in milliseconds. */
export const ANNOUNCE_INTERVAL = 15_000;
/** After how long a silence it is taken for dead. */
export const SILENCE_OF_THE_DEAD = 3 * ANNOUNCE_INTERVAL;
