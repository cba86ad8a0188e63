/** Quoted names of the tables, as the statements use them. */
export interface Tables {
  readonly schema: string | undefined;
  readonly outbox: string;
  readonly inbox: string;
  readonly archive: string;
  readonly consumers: string;
  readonly parked: string;
  readonly parkedOwner: string;
  readonly versions: string;
  readonly relays: string;
  /** Prefix of index names. */
  readonly outboxName: string;
}

export interface TableNames {
  readonly schema?: string | undefined;
  readonly table?: string;
  readonly inboxTable?: string;
}

export function tables({ schema, table = 'outbox', inboxTable = 'outbox_inbox' }: TableNames = {}): Tables {
  const qualified = (name: string) => (schema ? `${quoted(schema)}.${quoted(name)}` : quoted(name));
  return {
    schema,
    outbox: qualified(table),
    inbox: qualified(inboxTable),
    archive: qualified(`${table}_archive`),
    consumers: qualified(`${table}_consumers`),
    parked: qualified(`${table}_parked`),
    parkedOwner: qualified(`${table}_parked_owner`),
    versions: qualified(`${table}_version`),
    relays: qualified(`${table}_relay`),
    outboxName: table,
  };
}

/** An identifier as PostgreSQL reads it, whatever it contains. */
export const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
