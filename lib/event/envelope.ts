/** An event as it is written: what `emit()` hands to the store. */
export interface NewEvent {
  readonly id: string;
  /** The id is the emitter's own, and may have been written already. */
  readonly idGiven: boolean;
  readonly type: string;
  /** Events with the same key keep their order. */
  readonly key: string | null;
  /** The payload, encoded. Nobody between here and the handler looks inside. */
  readonly body: Buffer;
  readonly contentType: string;
  readonly headers: EventHeaders | null;
  /** `null` for the module's exchange. */
  readonly exchange: string | null;
  readonly correlationId: string | null;
  /** Milliseconds the broker may hold the message before it drops it; `null` for ever. */
  readonly expiration: number | null;
  /** 0–255; only queues declared with priorities heed it. */
  readonly priority: number | null;
  /** Whether a return of the broker is a failure of this event; `null` for what the module says. */
  readonly requireRoute: boolean | null;
  /** When it becomes due: `null` at once; a number is milliseconds from now by the database's clock. */
  readonly availableAt: number | Date | null;
}

/** An event as it leaves: what the relay hands to the broker. */
export interface OutgoingEvent {
  readonly id: string;
  readonly type: string;
  readonly key: string | null;
  readonly body: Buffer;
  readonly contentType: string;
  readonly headers: EventHeaders | null;
  readonly exchange: string | null;
  readonly correlationId: string | null;
  readonly expiration: number | null;
  readonly priority: number | null;
  /** Seconds since 1970, by the database's clock. */
  readonly occurredAt: number;
  /** It has failed before, also if its attempts were given back to it: it holds back the rest of its key. */
  readonly hasFailed: boolean;
}

/** Scalars only: brokers and bridges drop anything else. */
export type EventHeaders = Readonly<Record<string, string | number | boolean>>;
