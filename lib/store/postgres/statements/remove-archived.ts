import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';

/** Of what `readExpired()` has locked in the same transaction. */
export const removeArchived = ({ outbox }: Tables, seqs: readonly string[]): Statement => ({
  text: `DELETE FROM ${outbox} WHERE seq = ANY ($1::bigint[]) AND state = 'published'`,
  values: [seqs],
});
