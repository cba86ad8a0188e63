import { OptionChecks } from '../option-checks.js';
import type { Duration } from '../../policy/duration.js';
import type { HealthSettings } from './health-check.js';

export interface HealthOptions {
  /** How old the oldest event that is due and unpublished may be. Default `'1m'`. */
  maxLag?: Duration;
  /** How many events of the outbox may be dead. Default 0: each is one that somebody has to look at. */
  maxDead?: number;
  /** How long to wait for the database. Default `'2s'`. */
  timeout?: Duration;
  /** How long an answer is good for, however often it is asked for. Default `'1s'`. */
  cache?: Duration;
}

/** @throws {InvalidOptionError} naming the option and the value it got */
export function healthSettings(options: HealthOptions): HealthSettings {
  const { maxLag = '1m', maxDead = 0, timeout = '2s', cache = '1s' } = options;
  const checks = new OptionChecks();
  checks.known(options, ['maxLag', 'maxDead', 'timeout', 'cache']);
  checks.that('maxDead', maxDead, Number.isInteger(maxDead) && maxDead >= 0, 'an integer from 0');
  const settings = {
    maxLag: checks.duration('maxLag', maxLag, 0),
    maxDead,
    timeout: checks.duration('timeout', timeout, 1),
    cache: checks.duration('cache', cache, 0),
  };
  checks.done();
  return settings;
}
