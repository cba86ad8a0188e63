/** Which dead letters: those that meet all that is given. */
export interface DeadLetterFilter {
  /**
   * `'publishing'`, or queues of handlers. Wildcards as in topic patterns: `'shop.#'` is all handlers of the service
   * `shop`.
   */
  where?: string | readonly string[];
  /** Ids of events. */
  ids?: readonly string[];
  /** Event types, or topic patterns such as `'order.*'`. */
  type?: string | readonly string[];
  key?: string;
  /** A part of the last error's text, in upper or lower case. */
  error?: string;
  /** Those that failed last at this time or later: a `Date`, or ISO 8601. */
  failedAfter?: Date | string;
  /** Those that failed last at this time or earlier. */
  failedBefore?: Date | string;
}

/** What to requeue or purge: an id, ids, a filter that asks for something, or explicitly everything. */
export type DeadLetterTarget = string | readonly string[] | DeadLetterFilter | { readonly all: true };
