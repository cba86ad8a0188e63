import { describeValue } from '../../errors/describe-value.js';
import { InvalidDeadLetterFilterError } from '../../errors/invalid-dead-letter-filter.error.js';
import { matchesPattern, patternProblem } from '../../event/pattern.js';
import type { DeadEventFilter } from '../../store/dead-events.js';
import type { DeadLetterFilter, DeadLetterTarget } from './dead-letter-filter.js';

/** A filter that has been checked. */
export interface Criteria extends DeadEventFilter {
  readonly where: readonly string[] | undefined;
}

/** What a criterion is about in a dead letter. */
export interface Subject {
  readonly id: string;
  readonly type: string;
  readonly key: string | null;
  readonly error: string;
  readonly lastFailedAt: Date | null;
}

/** Nothing but where. */
export const isWhole = (criteria: Criteria): boolean =>
  Object.entries(criteria).every(([name, value]) => name === 'where' || value === undefined);

const WILDCARD = /[*#]/;

/** Whether all places have to be known to tell which are meant. */
export const isOpen = ({ where }: Criteria): boolean => !where || where.some((name) => WILDCARD.test(name));

/** @throws {InvalidDeadLetterFilterError} for a target that means nothing, or everything without saying so */
export function criteriaOfTarget(target: DeadLetterTarget): Criteria {
  if (typeof target === 'string') return criteriaOf({ ids: [target] });
  if (Array.isArray(target)) return criteriaOf({ ids: target as readonly string[] });
  if (typeof target !== 'object' || target === null)
    throw new InvalidDeadLetterFilterError(`must be an id, ids or a filter, got ${describeValue(target)}`);
  if ('all' in target) return everything(target);
  const criteria = criteriaOf(target as DeadLetterFilter);
  if (Object.values(criteria).every((value) => value === undefined))
    throw new InvalidDeadLetterFilterError(
      'asks for nothing; for all dead letters there are, say { all: true }',
    );
  return criteria;
}

function everything(target: object): Criteria {
  const others = Object.keys(target).filter((key) => key !== 'all');
  if ((target as { all: unknown }).all !== true || others.length > 0)
    throw new InvalidDeadLetterFilterError('{ all: true } stands alone, or not at all');
  return criteriaOf({});
}

const KNOWN = new Set(['where', 'ids', 'type', 'key', 'error', 'failedAfter', 'failedBefore']);

/** @throws {InvalidDeadLetterFilterError} */
export function criteriaOf(filter: DeadLetterFilter): Criteria {
  const unknown = Object.keys(filter).find((key) => !KNOWN.has(key));
  if (unknown !== undefined) throw new InvalidDeadLetterFilterError(`has no "${unknown}"`);
  return {
    where: texts('where', filter.where),
    ids: texts('ids', filter.ids),
    types: patterns(texts('type', filter.type)),
    key: text('key', filter.key),
    error: text('error', filter.error),
    failedAfter: time('failedAfter', filter.failedAfter),
    failedBefore: time('failedBefore', filter.failedBefore),
  };
}

/** Where, among the places there are; one that is named in full need not be known. */
export function placesOf({ where }: Criteria, known: readonly string[]): string[] {
  if (!where) return [...new Set(known)];
  const named = where.filter((name) => !WILDCARD.test(name));
  const matching = known.filter((place) => where.some((pattern) => matchesPattern(pattern, place)));
  return [...new Set([...matching, ...named])];
}

/** As the store decides it for rows. */
export function meets(criteria: Criteria, letter: Subject): boolean {
  const { ids, types, key, error, failedAfter, failedBefore } = criteria;
  const at = letter.lastFailedAt?.getTime();
  return (
    (!ids || ids.includes(letter.id)) &&
    (!types || types.some((pattern) => matchesPattern(pattern, letter.type))) &&
    (key === undefined || letter.key === key) &&
    (error === undefined || letter.error.toLowerCase().includes(error.toLowerCase())) &&
    (!failedAfter || (at !== undefined && at >= failedAfter.getTime())) &&
    (!failedBefore || (at !== undefined && at <= failedBefore.getTime()))
  );
}

function text(name: string, value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '')) return value;
  throw new InvalidDeadLetterFilterError(
    `"${name}" must be a text that is not empty, got ${describeValue(value)}`,
  );
}

function texts(name: string, value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined;
  const values: unknown[] = Array.isArray(value) ? value : [value];
  if (values.length === 0) throw new InvalidDeadLetterFilterError(`"${name}" is an empty list`);
  return values.map((one) => text(name, one) as string);
}

function patterns(types: readonly string[] | undefined): readonly string[] | undefined {
  const problem = types?.map(patternProblem).find((found) => found !== undefined);
  if (problem) throw new InvalidDeadLetterFilterError(`"type" is wrong: ${problem}`);
  return types;
}

function time(name: string, value: unknown): Date | undefined {
  if (value === undefined) return undefined;
  const date = value instanceof Date ? value : new Date(typeof value === 'string' ? value : Number.NaN);
  if (!Number.isNaN(date.getTime())) return date;
  throw new InvalidDeadLetterFilterError(
    `"${name}" must be a Date, or a time in ISO 8601 such as '2026-03-01T12:00:00Z', got ${describeValue(value)}`,
  );
}
