import type { EventHeaders } from './envelope.js';

/** A published event whose retention is over. */
export interface ArchivedEvent {
  /** Position in the outbox: a 64-bit number as text. */
  readonly seq: string;
  readonly id: string;
  readonly type: string;
  readonly key: string | null;
  /** The encoded payload, as it went to the broker. */
  readonly payload: Buffer;
  readonly contentType: string;
  readonly headers: EventHeaders | null;
  /** `null` for the module's exchange. */
  readonly exchange: string | null;
  readonly correlationId: string | null;
  readonly createdAt: Date;
  readonly publishedAt: Date;
  /** The broker had no queue for it. */
  readonly returned: boolean;
}

/**
 * Keeps published events before their rows are removed: up to 1,000 at once, of at most 8 MiB together unless one is
 * larger. The rows go when it has resolved. If it throws or takes longer than a minute they stay and are offered again,
 * and so they are after a crash: it has to be safe to repeat. `signal` aborts after that minute, and at shutdown.
 */
export type ArchiveFunction = (
  events: readonly ArchivedEvent[],
  context: { readonly signal: AbortSignal },
) => unknown;

/** `'table'`: they are moved to the table `<outbox>_archive`. */
export type Archive = 'table' | ArchiveFunction;
