import { InvalidArgumentError } from 'commander';

/** Parser of an option that is a whole number. */
export const numberFrom =
  (least: number, most: number) =>
  (text: string): number => {
    const number = Number(text);
    if (Number.isInteger(number) && number >= least && number <= most) return number;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
