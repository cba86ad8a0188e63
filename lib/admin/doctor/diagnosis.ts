/** What the doctor looks at, in this order. */
export const CHECKS = [
  'database',
  'schema',
  'relays',
  'lag',
  'transactions',
  'vacuum',
  'clock',
  'broker',
  'permissions',
  'queues',
  'patterns',
  'returned',
  'dead-letters',
] as const;

export type CheckName = (typeof CHECKS)[number];

/** Something that is not as it should be. */
export interface Finding {
  readonly check: CheckName;
  /** Stable, for programs: `relay-missing`, `queue-mismatch`, … (docs/operating.md has all). */
  readonly code: string;
  /** `'problem'`: somebody has to act. `'notice'`: it may be meant; good to know when something is wrong. */
  readonly level: 'problem' | 'notice';
  /** What was found, and why it is so, as far as can be told. */
  readonly cause: string;
  /** What to do about it. */
  readonly cure: string;
  /** The same as values, for programs. */
  readonly details: Readonly<Record<string, unknown>>;
}

export interface CheckResult {
  readonly check: CheckName;
  /** `'skipped'`: it could not be looked at; `remark` tells why. */
  readonly status: 'well' | 'notice' | 'problem' | 'skipped';
  /** What one should know of the answer. */
  readonly remark: string | null;
}

/** What a look at an outbox came to. */
export interface Diagnosis {
  /** There is no problem. Notices may be. */
  readonly healthy: boolean;
  /** Problems first. */
  readonly findings: readonly Finding[];
  readonly checks: readonly CheckResult[];
  /** Milliseconds that it took. */
  readonly took: number;
}

/** What a check has to say, before it is known which check it is. */
export type Found = Omit<Finding, 'check'>;

export interface Look {
  readonly findings: readonly Found[];
  readonly remark?: string;
}

/** Nothing to see, and why. */
export class Skipped extends Error {}

export const problem = (
  code: string,
  cause: string,
  cure: string,
  details: Finding['details'] = {},
): Found => ({ code, level: 'problem', cause, cure, details });

export const notice = (
  code: string,
  cause: string,
  cure: string,
  details: Finding['details'] = {},
): Found => ({ code, level: 'notice', cause, cure, details });
