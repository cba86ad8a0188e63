import { InvalidDeadLetterFilterError } from '../../errors/invalid-dead-letter-filter.error.js';

/** Where a list goes on: in which place, and behind what in it. */
export interface Cursor {
  readonly where: string;
  /** The place's own; `undefined` for its beginning. */
  readonly position: string | undefined;
}

export const cursorText = ({ where, position }: Cursor): string =>
  Buffer.from(JSON.stringify([where, position ?? null])).toString('base64url');

/** @throws {InvalidDeadLetterFilterError} for what no list has given */
export function cursorOf(text: string): Cursor {
  try {
    const [where, position] = JSON.parse(Buffer.from(text, 'base64url').toString()) as [unknown, unknown];
    if (typeof where === 'string' && (position === null || typeof position === 'string'))
      return { where, position: position ?? undefined };
  } catch {
    // Not ours.
  }
  throw new InvalidDeadLetterFilterError('has a "cursor" that no list has given');
}
