export interface PgBouncer {
  /** The database's URL, through the pooler. */
  readonly url: string;
  /** The last lines it wrote. */
  readonly log: readonly string[];
  close(): Promise<void>;
}

/**
 * A private PgBouncer in front of a server, pooling by transaction: a local one, else Debian's package unpacked into the
 * cache. It ends with this process, however that ends.
 */
export function startPgBouncer(databaseUrl: string, options?: { poolSize?: number }): Promise<PgBouncer>;
