/** A PostgreSQL snapshot (`pg_current_snapshot()`): which transactions had committed when it was taken. */
export interface Snapshot {
  /** As PostgreSQL writes it: `xmin:xmax:running,…`. */
  readonly text: string;
  /** Transactions from here on had not begun. */
  readonly xmax: string;
  /** Transactions before `xmax` that were still running. */
  readonly running: readonly string[];
}

export function parseSnapshot(text: string): Snapshot {
  const [, xmax = '0', running = ''] = text.split(':');
  return { text, xmax, running: running === '' ? [] : running.split(',') };
}
