import { patternExpression } from '../../../event/pattern.js';
import type { DeadEventFilter, DeadEventPage } from '../../dead-events.js';

/** A condition on the rows of the outbox, called `e`, and its parameters. */
export interface Condition {
  readonly text: string;
  readonly values: readonly unknown[];
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** What stands in the row as the time of the last failure. */
const FAILED_AT = "(e.errors -> -1 ->> 'at')::timestamptz";

/**
 * The dead rows that meet the filter. `state = 'dead'` is the predicate of their index, which holds nothing else: the
 * rest of the filter looks at dead rows only, however many others there are.
 */
export function deadRows(filter: DeadEventFilter, { after, until }: Partial<DeadEventPage> = {}): Condition {
  const { ids, types, key, error, failedAfter, failedBefore } = filter;
  // An id that is no UUID is that of a foreign message: none of ours has it.
  const uuids = ids?.filter((id) => UUID.test(id));
  const asked: Array<[condition: (parameter: string) => string, value: unknown]> = [
    [(p) => `e.seq > ${p}::bigint`, after],
    [(p) => `e.seq <= ${p}::bigint`, until],
    [(p) => `e.id = ANY (${p}::uuid[])`, uuids],
    [(p) => `(e.type || '.') ~ ANY (${p}::text[])`, types?.map(patternExpression)],
    [(p) => `e.key = ${p}::text`, key],
    [(p) => `position(lower(${p}::text) IN lower(e.last_error)) > 0`, error],
    [(p) => `${FAILED_AT} >= ${p}::timestamptz`, failedAfter?.toISOString()],
    [(p) => `${FAILED_AT} <= ${p}::timestamptz`, failedBefore?.toISOString()],
  ];
  const given = asked.filter(([, value]) => value !== undefined);
  const conditions = given.map(([condition], index) => condition(`$${index + 1}`));
  return {
    text: ["e.state = 'dead'", ...conditions].join(' AND '),
    values: given.map(([, value]) => value),
  };
}
