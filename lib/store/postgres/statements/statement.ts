import type { Build } from '../row.js';

/** SQL text with its parameters. */
export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** A query without parameters, and what its rows stand for. */
export interface Selection<T> {
  readonly text: string;
  readonly build: Build<T>;
}

/** A query that is planned once for each connection, and what its rows stand for. */
export interface Prepared<T> {
  readonly text: string;
  /** In text format, as the server reads them. */
  readonly values: readonly string[];
  readonly build: Build<T>;
}

/** A text as a constant, whatever is in it and however the server reads backslashes. */
export const literal = (text: string): string =>
  `convert_from('\\x${Buffer.from(text).toString('hex')}', 'UTF8')`;
