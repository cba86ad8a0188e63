import type { Tables } from '../../tables.js';
import type { Statement } from '../statement.js';

export interface HeadRow {
  readonly seq: string;
  readonly id: string;
  readonly attempts: number;
  readonly state: 'waiting' | 'dead';
  readonly due_in: number | null;
  readonly type: string;
  readonly routing_key: string;
  readonly properties: string;
  readonly body: Buffer;
}

export function head({ parked }: Tables, consumer: string, key: string): Statement {
  return {
    text: `SELECT p.seq::text AS seq, event_id AS id, attempts, state, type, routing_key, properties, body,
  (extract(epoch FROM due_at - clock_timestamp()) * 1000)::float8 AS due_in
FROM ${parked} p WHERE consumer = $1 AND key = $2 ORDER BY p.seq LIMIT 1`,
    values: [consumer, key],
  };
}
