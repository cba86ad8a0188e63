import type { ValueTransformer } from 'typeorm';

/** PostgreSQL's `numeric` arrives as text, because not every one fits a number. Prices of this shop do. */
export const money: ValueTransformer = {
  to: (amount: number) => amount,
  from: (text: string) => Number(text),
};
