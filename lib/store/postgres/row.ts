/**
 * A row of an answer, taken column by column, in order, every one. Names are those of PostgreSQL's types. What a row stands
 * for is built the same way, whichever format the answer has.
 */
export interface Row {
  /** A bigint; exact up to 2^53, and no table's numbers get there. */
  int8(): number | null;
  int4(): number | null;
  int2(): number | null;
  bool(): boolean | null;
  float8(): number | null;
  text(): string | null;
  /** A text of ASCII alone, which is read faster. */
  ascii(): string | null;
  /** A text that is likely to be the one of the row before, and is then the same string. */
  word(): string | null;
  bytea(): Buffer | null;
}

/** Builds what a row stands for. */
export type Build<T> = (row: Row) => T;
