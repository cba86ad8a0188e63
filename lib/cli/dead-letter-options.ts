import type { Command } from 'commander';
import type { DeadLetterFilter, DeadLetterTarget } from '../admin/dead-letters/dead-letter-filter.js';
import { UsageError } from './usage-error.js';

/** Which dead letters. */
export interface FilterFlags {
  readonly where?: readonly string[];
  readonly type?: readonly string[];
  readonly key?: string;
  readonly error?: string;
  readonly failedAfter?: string;
  readonly failedBefore?: string;
}

const collect = (value: string, before: readonly string[] = []) => [...before, value];

export const withFilter = (command: Command): Command =>
  command
    .option(
      '--where <place>',
      '"publishing", or the queue of a handler; "shop.#" is all of a service. Repeatable',
      collect,
    )
    .option('--type <pattern>', 'event type, or a pattern such as "order.*". Repeatable', collect)
    .option('--key <key>', 'key of the events')
    .option('--error <text>', 'a part of the last error')
    .option('--failed-after <time>', 'failed last at this time or later, as 2026-03-01T12:00:00Z')
    .option('--failed-before <time>', 'failed last at this time or earlier');

export function filterFrom({
  where,
  type,
  key,
  error,
  failedAfter,
  failedBefore,
}: FilterFlags): DeadLetterFilter {
  const all = { where, type, key, error, failedAfter, failedBefore };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** @throws {UsageError} for nothing, or everything without `--all` */
export function targetFrom(
  ids: readonly string[],
  flags: FilterFlags & { readonly all?: boolean },
): DeadLetterTarget {
  const filter = filterFrom(flags);
  const given = Object.keys(filter).length > 0 || ids.length > 0;
  if (flags.all && given) throw new UsageError('--all goes with no ids and no filter.');
  if (flags.all) return { all: true };
  if (!given) throw new UsageError('Which? Give ids, a filter such as --where or --type, or --all.');
  return ids.length > 0 ? { ...filter, ids } : filter;
}
