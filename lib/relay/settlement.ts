import type { PublishOutcome } from '../broker/publisher.js';
import { UnroutableEventError } from '../errors/unroutable-event.error.js';
import { backoffDelay, type Backoff } from '../policy/backoff.js';
import type { Failure, PendingEvent } from '../store/store.js';

export interface SettlementPolicy {
  /** Of events that do not say `requireRoute` themselves. */
  readonly unroutable: 'record' | 'fail';
  /** The module's exchange, for error texts. */
  readonly exchange: string;
  readonly attempts: number;
  readonly backoff: Backoff;
}

/** What is to be recorded of an event. `unknown`: nothing, it stays as it was. */
export type Verdict =
  | { readonly kind: 'published' }
  | { readonly kind: 'returned' }
  | { readonly kind: 'rescheduled'; readonly failure: Failure }
  | { readonly kind: 'dead'; readonly failure: Failure }
  | { readonly kind: 'unknown'; readonly error: Error };

const PUBLISHED: Verdict = { kind: 'published' };
const RETURNED: Verdict = { kind: 'returned' };

/** Turns the broker's answer into what becomes of the row. An unknown fate is nobody's fault. */
export function verdictOf(event: PendingEvent, outcome: PublishOutcome, policy: SettlementPolicy): Verdict {
  switch (outcome.kind) {
    case 'confirmed':
      return PUBLISHED;
    case 'unknown':
      return outcome;
    case 'refused':
      return failed(event, outcome.error, policy);
    case 'returned':
      return (event.requireRoute ?? policy.unroutable === 'fail')
        ? failed(event, unroutable(event, policy), policy)
        : RETURNED;
  }
}

const unroutable = ({ type, exchange, requireRoute }: PendingEvent, policy: SettlementPolicy) =>
  new UnroutableEventError(type, exchange ?? policy.exchange, requireRoute === true);

function failed(event: PendingEvent, error: Error, { attempts, backoff }: SettlementPolicy): Verdict {
  const failure: Failure = {
    seq: event.seq,
    attempts: event.attempts,
    // PostgreSQL's text has no NUL, but an exchange's name may.
    error: `${error.name}: ${error.message}`.replaceAll('\0', '').slice(0, 4_096),
    delay: backoffDelay(backoff, event.attempts + 1),
  };
  return { kind: event.attempts + 1 < attempts ? 'rescheduled' : 'dead', failure };
}
