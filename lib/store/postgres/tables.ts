/** Quoted names of the tables, as the statements use them. */
export interface Tables {
  readonly schema: string | undefined;
  readonly outbox: string;
  readonly inbox: string;
  readonly versions: string;
  /** Prefix of index names. */
  readonly outboxName: string;
}

export interface TableNames {
  readonly schema?: string | undefined;
  readonly table?: string;
  readonly inboxTable?: string;
}

/** Names are plain identifiers (the options see to that), so quoting needs no escaping. */
export function tables({ schema, table = 'outbox', inboxTable = 'outbox_inbox' }: TableNames = {}): Tables {
  const qualified = (name: string) => (schema ? `"${schema}"."${name}"` : `"${name}"`);
  return {
    schema,
    outbox: qualified(table),
    inbox: qualified(inboxTable),
    versions: qualified(`${table}_version`),
    outboxName: table,
  };
}
