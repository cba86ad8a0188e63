import { UnroutableEventError } from '../errors/unroutable-event.error.js';
import { backoffDelay, type Backoff } from '../policy/backoff.js';
import type { ClaimedEvent, FailedAttempt, Settlement } from '../store/store.js';
import type { BatchOutcome } from './failing-keys.js';

export interface SettlementPolicy {
  readonly unroutable: 'record' | 'fail';
  /** The module's exchange, for error texts. */
  readonly exchange: string;
  readonly attempts: number;
  readonly backoff: Backoff;
}

/** Turns the broker's answers into what becomes of the rows. An unknown fate is nobody's fault: the row stays as it is. */
export function settlementOf(
  events: readonly ClaimedEvent[],
  outcomes: readonly BatchOutcome[],
  policy: SettlementPolicy,
): Settlement {
  const published: string[] = [];
  const returned: string[] = [];
  const rescheduled: FailedAttempt[] = [];
  const dead: FailedAttempt[] = [];
  events.forEach((event, index) => {
    const outcome = outcomes[index];
    if (outcome?.kind === 'confirmed') published.push(event.seq);
    if (outcome?.kind === 'returned' && policy.unroutable === 'record') returned.push(event.seq);
    const error = failure(event, outcome, policy);
    if (error)
      (event.attempts + 1 < policy.attempts ? rescheduled : dead).push(failedAttempt(event, error, policy));
  });
  return { published, returned, rescheduled, dead };
}

function failure(
  event: ClaimedEvent,
  outcome: BatchOutcome | undefined,
  policy: SettlementPolicy,
): Error | undefined {
  if (outcome?.kind === 'refused') return outcome.error;
  if (outcome?.kind === 'returned' && policy.unroutable === 'fail') {
    return new UnroutableEventError(event.type, event.exchange ?? policy.exchange);
  }
  return undefined;
}

function failedAttempt(
  { seq, attempts }: ClaimedEvent,
  error: Error,
  { backoff }: SettlementPolicy,
): FailedAttempt {
  return {
    seq,
    // PostgreSQL's text has no NUL, but an exchange's name may.
    error: `${error.name}: ${error.message}`.replaceAll('\0', '').slice(0, 4_096),
    delay: backoffDelay(backoff, attempts + 1),
  };
}
