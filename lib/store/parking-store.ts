/** An event that waits because its key failed: the one that failed, or one behind it. */
export interface ParkedEvent {
  /** Position among the parked events of its key: a 64-bit number as text. */
  readonly seq: string;
  readonly id: string;
  readonly key: string;
  /** Failed attempts so far. */
  readonly attempts: number;
  /** `'dead'`: its attempts are used up, and its key waits until somebody acts. */
  readonly state: 'waiting' | 'dead';
  /** Milliseconds until it is due, by the database's clock; 0 or less when it is. */
  readonly dueIn: number;
  readonly message: PreservedMessage;
}

/** A message so that it can be handled later, and by another process. */
export interface PreservedMessage {
  readonly type: string;
  readonly routingKey: string;
  /** Everything but the body, as text. */
  readonly properties: string;
  readonly body: Buffer;
}

/** Where a parked event is. */
export type Place = Pick<ParkedEvent, 'key' | 'seq'>;

export interface EventToPark {
  readonly id: string;
  readonly key: string;
  readonly attempts: number;
  readonly state: 'waiting' | 'dead';
  /** Milliseconds until it is due; `undefined` for as soon as it is the first of its key. */
  readonly delay: number | undefined;
  readonly error: string | undefined;
  readonly message: PreservedMessage;
}

/**
 * `'parked'`: it waits. `'known'`: it waited already. `'lost'`: somebody else has taken over, and nothing was written.
 */
export type Parking = 'parked' | 'known' | 'lost';

/** A key, and where it waits. */
export interface WaitingKey {
  readonly consumer: string;
  readonly key: string;
}

/** What somebody may want to know of a key that waits. */
export interface ParkedKey extends WaitingKey {
  /** Events of the key that wait, the one that failed included. */
  readonly waiting: number;
  /** Of the event that failed. */
  readonly id: string;
  readonly attempts: number;
  readonly state: 'waiting' | 'dead';
  readonly error: string | undefined;
  readonly since: Date;
}

/**
 * Where the events of failing keys wait, so that they hold up no others, and lose neither their order nor themselves when
 * a process dies. One consumer at a time may write: the one that took over last. Whoever had it before, and does not know
 * yet, writes nothing any more.
 */
export interface ParkingStore {
  /** Takes over from whoever had it. Resolves to a ticket for writing, and to all keys that wait. */
  takeOver(consumer: string): Promise<{ readonly ticket: string; readonly keys: readonly string[] }>;

  /** Puts an event behind all of its key. */
  park(consumer: string, ticket: string, event: EventToPark): Promise<Parking>;

  /** The first event of a key that waits. */
  head(consumer: string, key: string): Promise<ParkedEvent | undefined>;

  /** It failed again, and is due after `delay` ms. `false`: somebody else has taken over. */
  postpone(
    consumer: string,
    ticket: string,
    event: Place,
    failure: { readonly attempts: number; readonly delay: number; readonly error: string },
  ): Promise<boolean>;

  /** It is dead, and its key waits on. `false`: somebody else has taken over. */
  bury(
    consumer: string,
    ticket: string,
    event: Place,
    failure: { readonly attempts: number; readonly error: string },
  ): Promise<boolean>;

  /** It waits no more. `false`: somebody else has taken over. */
  remove(consumer: string, ticket: string, event: Place): Promise<boolean>;

  /** Keys whose first event has been due for longer than `lateness` ms, and was not handled. */
  overdue(consumer: string, lateness: number, limit: number): Promise<string[]>;

  /** What waits, longest first; of all consumers if none is given. */
  keys(consumers: readonly string[] | undefined, limit: number): Promise<ParkedKey[]>;

  /** Removes the first event of a key if it is dead, and the one behind it is due. Whether it was. */
  skip(consumer: string, key: string): Promise<boolean>;

  /** Ids of the dead events that keys of the consumer, or of its partitions, wait for. */
  dead(consumer: string): Promise<string[]>;

  /**
   * Removes those of these events that are dead, and the ones behind them are due; also of the consumer's partitions.
   * Resolves to the keys that go on.
   */
  skipEvents(consumer: string, ids: readonly string[]): Promise<WaitingKey[]>;
}
