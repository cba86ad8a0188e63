import { InvalidOptionError } from '../../errors/invalid-option.error.js';
import { describeValue } from '../../errors/describe-value.js';
import { milliseconds, type Duration } from '../../policy/duration.js';

/** From where on something is a problem, and how long to look. */
export interface DoctorOptions {
  /** How old the oldest event that is due and unpublished may be. Default `'1m'`. */
  maxLag?: Duration;
  /** How long a transaction of anybody may be open. Default `'5m'`. */
  maxTransaction?: Duration;
  /** How far clocks may differ from the database's. Default `'5s'`. */
  maxClockDifference?: Duration;
  /** How many dead rows a table may have that autovacuum has not removed. Default 100,000, ten times where it begins. */
  maxDeadRows?: number;
  /** How long each look may take. Default `'10s'`; all together take less than three times that, whatever hangs. */
  timeout?: Duration;
  /** How long to watch whether dead-letter queues grow. Default `'1s'`. */
  watch?: Duration;
}

/** Durations in milliseconds. */
export type Thresholds = { readonly [Name in keyof Required<DoctorOptions>]: number };

const DEFAULTS: Required<DoctorOptions> = {
  maxLag: '1m',
  maxTransaction: '5m',
  maxClockDifference: '5s',
  maxDeadRows: 100_000,
  timeout: '10s',
  watch: '1s',
};

/** @throws {InvalidOptionError} naming the option and the value it got */
export function thresholdsFrom(options: DoctorOptions): Thresholds {
  const problems = Object.keys(options)
    .filter((name) => !(name in DEFAULTS))
    .map((name) => `there is no option "${name}"`);
  const resolved = Object.entries(DEFAULTS).map(([name, byDefault]) => {
    const value = options[name as keyof DoctorOptions] ?? byDefault;
    try {
      return [name, name === 'maxDeadRows' ? wholeNumber(value) : milliseconds(value)];
    } catch (error) {
      problems.push(`${name} ${(error as Error).message}, got ${describeValue(value)}`);
      return [name, 0];
    }
  });
  if (problems.length > 0) throw new InvalidOptionError(problems, 'The doctor cannot look');
  return Object.fromEntries(resolved) as Thresholds;
}

function wholeNumber(value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  throw new RangeError('must be an integer from 0');
}
