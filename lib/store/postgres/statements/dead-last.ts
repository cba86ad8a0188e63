import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';

/** Position of the newest dead row: the far end of their index. */
export const deadLast = ({ outbox }: Tables): Statement => ({
  text: `SELECT max(seq) AS seq FROM ${outbox} WHERE state = 'dead'`,
  values: [],
});
