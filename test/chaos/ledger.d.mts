export interface Fault {
  readonly kind: string;
  readonly by: string;
  readonly start: number;
  readonly margin: number;
  end: number;
}

export interface EventName {
  readonly key: number;
  readonly number: number;
}

/**
 * What was committed, what arrived, and what was done to whom: and the verdict. Events are numbered from 1 within their
 * key; the emitter tells how many of each it has committed.
 */
export class Ledger {
  readonly inversions: ReadonlyArray<EventName & { after: { number: number } }>;
  /** Events that arrived though their transaction was rolled back. */
  readonly phantoms: EventName[];
  /** Different events that have arrived. */
  readonly arrived: number;
  /** When the last of them did. As all times here, in milliseconds since the ledger was opened. */
  readonly lastArrival: number;
  readonly now: number;
  readonly faults: readonly Fault[];
  /** How many events are committed. */
  readonly events: number;
  /** How many events of a key are committed by now. */
  committed(key: number, count: number): void;
  delivered(key: number, number: number, by: string): void;
  fault(kind: string, by: string, settings: { margin: number; end?: number }): Fault;
  faultCounts(): Record<string, number>;
  verdict(): {
    lost: EventName[];
    duplicates: EventName[];
    unexplained: EventName[];
    inversions: ReadonlyArray<EventName & { after: { number: number } }>;
  };
}
