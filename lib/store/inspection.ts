/** Whether the tables are as this version needs them. */
export interface SchemaState {
  /** 0 for none. */
  readonly found: number;
  readonly needed: number;
}

/** A relay, as it has told of itself. Ages and times by the database's clock. */
export interface SeenRelay {
  readonly id: number;
  readonly service: string;
  readonly host: string;
  readonly pid: number;
  /** How many lanes it holds. */
  readonly lanes: number;
  /** As it put it down; of a relay that has never said anything, empty. */
  readonly report: Readonly<Record<string, unknown>>;
  readonly seenAt: Date;
  /** Milliseconds since it was last heard of. */
  readonly silence: number;
  /** Its connection still holds its seat among the relays. */
  readonly seated: boolean;
  /** How far its clock was ahead of the database's when it was last heard of, in milliseconds. */
  readonly clockAhead: number | null;
}

/** The oldest event that is due and unpublished. */
export interface HeadEvent {
  readonly id: string;
  readonly type: string;
  readonly key: string | null;
  readonly attempts: number;
  readonly lastError: string | null;
  /** Milliseconds that it has been due. */
  readonly age: number;
  /** What holds back its key, if something does. */
  readonly heldBy: {
    readonly id: string;
    readonly state: 'pending' | 'dead';
    readonly error: string | null;
    /** When it is tried again, if it is. */
    readonly dueAt: Date | null;
  } | null;
}

/** What keeps the database from removing rows that were deleted or changed since. */
export interface HorizonHolder {
  readonly kind: 'session' | 'prepared transaction' | 'replication slot' | 'standby';
  readonly pid: number | null;
  /** User of a session; name of anything else. */
  readonly name: string | null;
  readonly application: string | null;
  readonly client: string | null;
  /** As `active`, or `idle in transaction`. */
  readonly state: string | null;
  /** What a session runs, or ran last. */
  readonly query: string | null;
  /** Milliseconds that its transaction is open; of others nobody knows. */
  readonly age: number | null;
  /** Transactions that have begun since. */
  readonly transactions: number;
}

export interface Horizon {
  /** The one that goes back furthest first. */
  readonly holders: readonly HorizonHolder[];
  /** Whether we see more than our own user's sessions. */
  readonly seesAll: boolean;
}

/** How one of the tables fares. */
export interface TableState {
  readonly table: string;
  readonly deadRows: number;
  /** Milliseconds since it was last vacuumed; `null` when it never was, as far as the statistics go. */
  readonly sinceVacuum: number | null;
  /** Autovacuum runs on this server, and for this table. */
  readonly autovacuum: 'on' | 'off' | 'off for the table';
  /** It is being vacuumed right now. */
  readonly running: boolean;
}

/** Events of a type, among the latest of the outbox. */
export interface RecentType {
  readonly type: string;
  /** `null` for the module's exchange. */
  readonly exchange: string | null;
  readonly count: number;
  /** One of them waits, or was emitted within the last day. */
  readonly isCurrent: boolean;
  /** Published within the last day, and no queue was bound for them. */
  readonly returned: number;
  readonly lastReturnedAt: Date | null;
  /** Id of the latest that was returned. */
  readonly lastReturnedId: string | null;
}

/**
 * What those who look for the cause of trouble ask the database. Nothing is changed or locked, each question ends by its
 * deadline, and none counts a hot table.
 */
export interface StoreInspection {
  /** The table, as SQL names it. */
  readonly table: string;
  /** By the database's clock: milliseconds since 1970. */
  now(): Promise<number>;
  /** Why nothing can be written to it: it is a standby, or its sessions are read-only. */
  readOnly(): Promise<'standby' | 'setting' | null>;
  schema(): Promise<SchemaState>;
  relays(): Promise<SeenRelay[]>;
  /** `undefined` when nothing is due. */
  head(): Promise<HeadEvent | undefined>;
  horizon(): Promise<Horizon>;
  tables(): Promise<TableState[]>;
  /** Of the latest `limit` events. */
  recentTypes(limit: number): Promise<RecentType[]>;
}
