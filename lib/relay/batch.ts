import type { EventPublisher } from '../broker/publisher.js';
import type { Claim, Settlement } from '../store/store.js';
import { publishFree, type BatchOutcome, type FailingKeys } from './failing-keys.js';
import { Isolation, lostToPoison } from './isolation.js';
import { settlementOf, type SettlementPolicy } from './settlement.js';

/** What one batch came to, in events. */
export interface BatchReport {
  readonly claimed: number;
  readonly published: number;
  /** Published, but no queue was bound. */
  readonly returned: number;
  readonly rescheduled: number;
  readonly dead: number;
  /** Left pending because the broker's answer never came. */
  readonly unknown: number;
  /** Left pending because an earlier event of their key has failed. */
  readonly held: number;
  /** An event that held back its key has left its way, so rows that were passed over may be free now. */
  readonly unblocked: boolean;
  /** Why events are `unknown`. */
  readonly trouble: Error | undefined;
}

/** Batches that lost a channel to somebody's poison event take turns, in the order they were claimed. */
export type TakeTurn = <T>(work: () => Promise<T>) => Promise<T>;

/** Publishes a claim and resolves to what became of each event. Never rejects. */
export async function publishBatch(
  claim: Claim,
  publisher: EventPublisher,
  timeout: number,
  failing: FailingKeys,
  takeTurn: TakeTurn,
): Promise<BatchOutcome[]> {
  const outcomes = await publishFree(publisher, claim.events, failing, timeout);
  if (!lostToPoison(outcomes)) return outcomes;
  return takeTurn(() => new Isolation(claim, publisher, failing, timeout).outcomes(outcomes));
}

/** Records the outcomes. Rejects only if that cannot be done; the rows have then been given back. */
export async function settleBatch(
  claim: Claim,
  outcomes: readonly BatchOutcome[],
  policy: SettlementPolicy,
  failing: FailingKeys,
  settled: (settlement: Settlement) => void,
): Promise<BatchReport> {
  const settlement = settlementOf(claim.events, outcomes, policy);
  const failed = new Set([...settlement.rescheduled, ...settlement.dead].map(({ seq }) => seq));
  for (const { seq, key } of claim.events) if (failed.has(seq)) failing.add(claim, key);
  await record(claim, settlement);
  settled(settlement);
  return report(claim, outcomes, settlement);
}

/** A batch nobody answered for is given back as it was: nothing to write. */
async function record(claim: Claim, settlement: Settlement): Promise<void> {
  const { published, returned, rescheduled, dead } = settlement;
  const known = published.length + returned.length + rescheduled.length + dead.length;
  if (known === 0) await claim.release();
  else await claim.settle(settlement);
}

function report({ events }: Claim, outcomes: readonly BatchOutcome[], settlement: Settlement): BatchReport {
  const unknown = outcomes.filter((outcome) => outcome.kind === 'unknown');
  const passed = new Set([...settlement.published, ...settlement.returned, ...settlement.dead]);
  return {
    claimed: events.length,
    published: settlement.published.length + settlement.returned.length,
    returned: settlement.returned.length,
    rescheduled: settlement.rescheduled.length,
    dead: settlement.dead.length,
    unknown: unknown.length,
    held: outcomes.filter((outcome) => outcome.kind === 'held').length,
    unblocked: events.some(({ seq, key, hasFailed }) => hasFailed && key !== null && passed.has(seq)),
    trouble: unknown[0]?.error,
  };
}
