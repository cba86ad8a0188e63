import type { DeadLetterHold, QueuedDeadLetter } from '../../broker/dead-letters.js';
import { markOf, QueuePosition } from './queue-position.js';

/** A list that finds nothing goes on looking this long, in milliseconds; it then says where to go on. */
const LONGEST_LOOK = 3_000;

export interface QueuePage<Found> {
  readonly found: readonly Found[];
  readonly next: QueuePosition | undefined;
}

/**
 * The page of a queue behind `position`: at most `limit` of those that `pick` wants, from the front on, for AMQP knows no
 * other way. Each is looked at once.
 */
export async function listQueue<Found>(
  hold: DeadLetterHold,
  position: QueuePosition,
  limit: number,
  pick: (letter: QueuedDeadLetter) => Found | undefined,
  signal?: AbortSignal,
): Promise<QueuePage<Found>> {
  // Begins behind the position: a page that ended on the way there would be of no use.
  let deadline = Infinity;
  let page: Array<{ found: Found; mark: string; index: number }> = [];
  let index = 0;
  for (;;) {
    signal?.throwIfAborted();
    if (!position.mayBeAhead(index)) deadline = Math.min(deadline, performance.now() + LONGEST_LOOK);
    const letters = await hold.next(windowFor(limit - page.length, position, index));
    if (letters.length === 0) return { found: page.map(({ found }) => found), next: undefined };
    for (const letter of letters) {
      const mark = markOf(letter);
      const found = position.hasShown(index, mark) ? undefined : pick(letter);
      // What stands before one that was shown was shown, too, or is not what is wanted.
      if (position.hasShown(index, mark)) page = [];
      else if (found !== undefined && page.length <= limit) page.push({ found, mark, index });
      index++;
    }
    const full = page.length > limit;
    if (position.mayBeAhead(index)) continue;
    if (!full && performance.now() < deadline) continue;
    const shown = page.slice(0, limit);
    const passed = full ? (shown.at(-1)?.index ?? -1) + 1 : index;
    return {
      found: shown.map(({ found }) => found),
      next: position.behind(
        passed,
        shown.map(({ mark }) => mark),
      ),
    };
  }
}

/** One more than is wanted, to know whether there is more; and more at a time where one looks for few among many. */
const windowFor = (wanted: number, position: QueuePosition, index: number): number =>
  position.mayBeAhead(index) || index > 0 ? 1_000 : wanted + 1;
