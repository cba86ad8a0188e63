import type { EventToPark } from '../../../parking-store.js';
import type { Tables } from '../../tables.js';
import type { Statement } from '../statement.js';
import { ownedAndWritten, owner } from './owner.js';

/** An event that is delivered again after it was parked, because its ack got lost, is there once. */
export function park(tables: Tables, consumer: string, ticket: string, event: EventToPark): Statement {
  const { id, key, attempts, state, delay = null, error = null, message } = event;
  return {
    text: `WITH ${owner(tables)}, written AS (
  INSERT INTO ${tables.parked} (consumer, key, event_id, attempts, state, due_at, error, type, routing_key, properties, body)
  SELECT $1, $3, $4, $5, $6, now() + $7::float8 * interval '1 millisecond', $8, $9, $10, $11, $12 FROM owner
  ON CONFLICT (consumer, event_id) DO NOTHING
  RETURNING 1
)
${ownedAndWritten}`,
    values: [
      consumer,
      ticket,
      key,
      id,
      attempts,
      state,
      delay,
      error,
      message.type,
      message.routingKey,
      message.properties,
      message.body,
    ],
  };
}
