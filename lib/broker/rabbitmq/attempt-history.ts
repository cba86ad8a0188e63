import type { FailedAttempt } from '../../event/failed-attempt.js';
import type { Failure } from '../subscriber.js';
import { truncate } from './truncate.js';

/**
 * The failed attempts of a message, in one header that its copies carry along: the newest ten, oldest first, each as
 * `[attempt, milliseconds since 1970, "Type: message"]`. Bounded, as all headers together must stay below 64 KiB.
 */
const MOST_ATTEMPTS = 10;
const MOST_BYTES = 4_000;
const MOST_BYTES_OF_ONE = 320;

type Entry = readonly [attempt: number, at: number, error: string];

/** The header with one more failure. What is not a history of ours counts as none. */
export function withFailure(header: unknown, attempt: number, { type, message, at }: Failure): string {
  const error = message === '' ? type : `${type}: ${message}`;
  return bounded([...entriesOf(header), entry(attempt, at.getTime(), error)]);
}

/** The header of a history. */
export const historyOf = (attempts: readonly FailedAttempt[]): string =>
  bounded(attempts.map(({ attempt, at, error }) => entry(attempt, Date.parse(at), error)));

const entry = (attempt: number, at: number, error: string): Entry => [
  attempt,
  at,
  truncate(oneLine(error), MOST_BYTES_OF_ONE),
];

function bounded(entries: readonly Entry[]): string {
  let kept = entries.slice(-MOST_ATTEMPTS);
  // Quotes and the like grow as they are escaped.
  while (kept.length > 1 && Buffer.byteLength(JSON.stringify(kept)) > MOST_BYTES) kept = kept.slice(1);
  return JSON.stringify(kept);
}

export const attemptsIn = (header: unknown): FailedAttempt[] =>
  entriesOf(header).map(([attempt, at, error]) => ({ attempt, at: new Date(at).toISOString(), error }));

/** Anybody can send anything. */
function entriesOf(header: unknown): Entry[] {
  if (typeof header !== 'string') return [];
  try {
    const entries: unknown = JSON.parse(header);
    return Array.isArray(entries) ? entries.filter(isEntry) : [];
  } catch {
    return [];
  }
}

function isEntry(entry: unknown): entry is Entry {
  const [attempt, at, error] = Array.isArray(entry) ? (entry as unknown[]) : [];
  return Number.isInteger(attempt) && isTime(at) && typeof error === 'string';
}

const isTime = (at: unknown): boolean => typeof at === 'number' && !Number.isNaN(new Date(at).getTime());

// eslint-disable-next-line no-control-regex
const oneLine = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
