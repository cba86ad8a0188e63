import type { DeadLetter } from '../admin/dead-letters/dead-letter.js';
import { facts, table } from './output.js';

/** For programs: dates in ISO 8601, and bytes in base64. */
export const asJson = (letter: DeadLetter): unknown => ({
  ...letter,
  payload: Buffer.isBuffer(letter.payload) ? { base64: letter.payload.toString('base64') } : letter.payload,
});

/** One line for each. */
export const listed = (letters: readonly DeadLetter[]): string =>
  table(
    ['where', 'id', 'type', 'key', 'attempts', 'failed', 'error'],
    letters.map(({ where, id, type, key, attempts, lastFailedAt, error }) => [
      where,
      id,
      type,
      key,
      attempts,
      toSecond(lastFailedAt),
      shortened(error, 200),
    ]),
  );

/** All there is to know of one. */
export function described(letter: DeadLetter): string {
  const { headers, errors, stack } = letter;
  const parts = [
    facts([
      ['id', letter.id],
      ['type', letter.type],
      ['key', letter.key],
      ['where', letter.where],
      ['emitted', toSecond(letter.occurredAt)],
      ['correlation', letter.correlationId],
      ['content', letter.contentType],
      ['attempts', letter.attempts],
    ]),
    table(
      ['failed', 'attempt', 'error'],
      errors.map(({ at, attempt, error }) => [at, attempt, error]),
    ),
    stack ? `stack:\n${indented(stack)}` : '',
    Object.keys(headers).length > 0 ? `headers:\n${indented(JSON.stringify(headers, null, 2))}` : '',
    `payload${letter.undecodable ? ` (${letter.undecodable})` : ''}:\n${indented(payloadText(letter.payload))}`,
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

const toSecond = (date: Date | null): string | null => date && `${date.toISOString().slice(0, 19)}Z`;

const shortened = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`;

function payloadText(payload: unknown): string {
  if (Buffer.isBuffer(payload)) return `${payload.length} bytes, in base64: ${payload.toString('base64')}`;
  return typeof payload === 'string' ? payload : (JSON.stringify(payload, null, 2) ?? String(payload));
}

/** Nothing a terminal would obey: what is shown was written by others. */
const indented = (text: string): string =>
  text
    .split('\n')
    // eslint-disable-next-line no-control-regex
    .map((line) => `  ${line.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '·')}`)
    .join('\n');
