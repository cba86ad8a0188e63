import type { TopologyMismatch } from '../errors/topology-mismatch.error.js';

/** What was found on the broker, of what has to be there. All empty is well. */
export interface TopologyReport {
  /** As `queue "shop.Invoicing.invoice"`. */
  readonly missing: readonly string[];
  /** What is there with other arguments. */
  readonly mismatches: readonly TopologyMismatch[];
  /** What is there, with arguments that could not be compared: our user may not configure it. */
  readonly uncompared: readonly string[];
}
