import { describeValue } from '../errors/describe-value.js';
import { InvalidOptionError } from '../errors/invalid-option.error.js';
import { durationText, milliseconds, type Duration } from '../policy/duration.js';

/** Collects what is wrong with the options of one face, to be refused at once. */
export class OptionChecks {
  private readonly problems: string[] = [];

  /** @param prefix of the options' names, such as `tracing.` */
  constructor(private readonly prefix = '') {}

  known(options: object, names: readonly string[]): void {
    for (const name of Object.keys(options))
      if (!names.includes(name)) this.problems.push(`${this.prefix}${name} is not an option`);
  }

  that(option: string, value: unknown, good: boolean, rule: string): void {
    if (!good) this.problems.push(`${this.prefix}${option} must be ${rule}, got ${describeValue(value)}`);
  }

  /** In milliseconds. */
  duration(option: string, value: Duration, least: number): number {
    const ms = msOf(value);
    this.that(option, value, ms >= least, `a duration of at least ${durationText(least)}`);
    return ms;
  }

  /** @throws {InvalidOptionError} if there is a problem */
  done(): void {
    if (this.problems.length > 0) throw new InvalidOptionError(this.problems);
  }
}

function msOf(value: Duration): number {
  try {
    return milliseconds(value);
  } catch {
    return Number.NaN;
  }
}
