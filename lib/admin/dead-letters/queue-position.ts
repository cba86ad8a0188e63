import { createHash } from 'node:crypto';
import { InvalidDeadLetterFilterError } from '../../errors/invalid-dead-letter-filter.error.js';
import type { QueuedDeadLetter } from '../../broker/dead-letters.js';

/** Marks of earlier pages, besides all of the last one. */
const MOST_EARLIER = 20;

/** Tells a dead letter from others, and from itself as it died another time. */
export function markOf({ message, attempts, errors }: QueuedDeadLetter): string {
  const text = [message.id, attempts, errors.at(-1)?.at].join('\n');
  return createHash('sha256').update(text).digest('base64url').slice(0, 8);
}

/**
 * A place in a queue, which has no numbers to go by. Its front moves when somebody requeues or purges; so a page goes on
 * behind the last dead letter that is still there of those that were shown, and at the front if none is: nothing is left
 * out that way. Only the first `shown` of the queue are looked at for it: one that died again is at the end.
 */
export class QueuePosition {
  private constructor(
    /** How many were passed up to here. */
    private readonly passed: number,
    /** Of the last page. */
    private readonly marks: ReadonlySet<string>,
    /** Of the last ones of earlier pages. */
    private readonly earlier: readonly string[],
  ) {}

  static readonly start = new QueuePosition(0, new Set(), []);

  /** @throws {InvalidDeadLetterFilterError} */
  static of(text: string | undefined): QueuePosition {
    if (text === undefined) return QueuePosition.start;
    const [passed, marks, earlier] = text.split(' ');
    const count = Number(passed);
    if (!Number.isInteger(count) || marks === undefined || earlier === undefined)
      throw new InvalidDeadLetterFilterError('has a "cursor" that no list has given');
    return new QueuePosition(count, new Set(listOf(marks)), listOf(earlier));
  }

  toString(): string {
    return [this.passed, [...this.marks].join(','), this.earlier.join(',')].join(' ');
  }

  /** Whether the dead letter at this place of the queue (0 is the front) was shown before. */
  hasShown(index: number, mark: string): boolean {
    return index < this.passed && (this.marks.has(mark) || this.earlier.includes(mark));
  }

  /** Whether those that were shown may still be ahead. */
  mayBeAhead(index: number): boolean {
    return index < this.passed;
  }

  /** Behind a page, that ended as `passed` dead letters of the queue had been passed. */
  behind(passed: number, marks: readonly string[]): QueuePosition {
    if (marks.length === 0) return new QueuePosition(passed, this.marks, this.earlier);
    const last = [...this.marks].at(-1);
    const earlier = last === undefined ? this.earlier : [...this.earlier, last].slice(-MOST_EARLIER);
    return new QueuePosition(passed, new Set(marks), earlier);
  }
}

const listOf = (text: string): string[] => (text === '' ? [] : text.split(','));
