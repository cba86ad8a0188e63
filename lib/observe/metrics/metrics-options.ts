import type { Duration } from '../../policy/duration.js';
import type { ObservedOutbox } from '../observed-outbox.js';
import { OptionChecks } from '../option-checks.js';
import type { MetricsSettings } from './outbox-metrics.js';

export interface MetricsOptions {
  /**
   * Event types that are told apart, or how many of them; all others count as `other`. Every type is six time series
   * for each process. Default 100: the first 100 that come.
   */
  types?: readonly string[] | number;
  /**
   * Whether to show what is in the table, and who relays (`outbox_messages`, `outbox_lag_seconds`, `outbox_relays`,
   * `outbox_lanes`), which takes a query. Each process that does shows the same numbers. Default: in processes that relay.
   */
  table?: boolean;
  /**
   * Whether to ask the broker how many messages are on the dead-letter queues of the process's handlers
   * (`inbox_dead_letter_messages`), at most every ten seconds. Default `true`.
   */
  deadLetters?: boolean;
  /** How long a scrape waits for either. Default `'2s'`. */
  timeout?: Duration;
}

/** @throws {InvalidOptionError} naming the option and the value it got */
export function metricsSettings(
  { types = 100, table, deadLetters = true, timeout = '2s' }: MetricsOptions,
  outbox: Pick<ObservedOutbox, 'relays'>,
): MetricsSettings {
  const checks = new OptionChecks();
  checks.that('types', types, isTypes(types), 'a list of types, or an integer from 0 to 10000');
  checks.that('table', table, table === undefined || typeof table === 'boolean', 'true or false');
  checks.that('deadLetters', deadLetters, typeof deadLetters === 'boolean', 'true or false');
  const settings = {
    types,
    table: table ?? outbox.relays,
    deadLetters,
    timeout: checks.duration('timeout', timeout, 1),
  };
  checks.done();
  return settings;
}

function isTypes(types: unknown): boolean {
  if (Array.isArray(types)) return types.every((type) => typeof type === 'string');
  return Number.isInteger(types) && (types as number) >= 0 && (types as number) <= 10_000;
}
