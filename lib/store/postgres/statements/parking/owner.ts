import type { Tables } from '../../tables.js';

/**
 * Holds whoever takes over until this statement's transaction has ended; empty for those who were taken over from. A
 * process that was frozen and has lost its consumer finds out at its next write, and that writes nothing.
 */
export const owner = ({ parkedOwner }: Tables): string =>
  `owner AS MATERIALIZED (SELECT 1 FROM ${parkedOwner} WHERE consumer = $1 AND epoch = $2::bigint FOR SHARE)`;

export interface Owned {
  /** 0 for those who were taken over from. */
  readonly owned: number;
  readonly written: number;
}

export const ownedAndWritten = `SELECT (SELECT count(*) FROM owner)::int AS owned, (SELECT count(*) FROM written)::int AS written`;
