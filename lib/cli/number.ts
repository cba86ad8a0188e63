import { InvalidArgumentError } from 'commander';
import { milliseconds, type Duration } from '../policy/duration.js';

/** Parser of an option that is a whole number. */
export const numberFrom =
  (least: number, most: number) =>
  (text: string): number => {
    const number = Number(text);
    if (Number.isInteger(number) && number >= least && number <= most) return number;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };

/** Parser of an option that is a span of time; a mere number is milliseconds. */
export function duration(text: string): Duration {
  const span = /^\d+$/.test(text) ? Number(text) : text;
  try {
    milliseconds(span);
    return span;
  } catch (error) {
    throw new InvalidArgumentError(`It ${(error as Error).message}.`);
  }
}
