import { createHash } from 'node:crypto';
import type { ConsumeMessage } from 'amqplib';
import type { FailedAttempt } from '../../../event/failed-attempt.js';
import { HEADER } from '../../../event/headers.js';
import type { QueuedDeadLetter } from '../../dead-letters.js';
import { attemptsIn } from '../attempt-history.js';
import { fromDelivery } from '../incoming.js';

type Headers = Record<string, unknown>;

/** Reads a dead letter of ours, of the broker's (killed its consumer, expired), or of anybody's. Never throws. */
export function readDeadLetter(raw: ConsumeMessage): QueuedDeadLetter {
  const headers = (raw.properties.headers ?? {}) as Headers;
  const message = fromDelivery(raw);
  const deaths = deathsIn(headers['x-death']);
  return {
    message: {
      ...message,
      id: message.id || madeUpId(raw),
      routingKey: text(headers[HEADER.routingKey]) ?? deaths.at(-1)?.routingKey ?? message.routingKey,
    },
    address: raw.fields.routingKey,
    attempts: message.attempt,
    errors: errorsOf(headers, message.attempt, deaths[0]),
    stack: text(headers[HEADER.errorStack]),
  };
}

function errorsOf(headers: Headers, attempt: number, death: Death | undefined): FailedAttempt[] {
  const history = attemptsIn(headers[HEADER.errors]);
  const told = headers[HEADER.errorAt] === undefined ? death : toldIn(headers);
  const last = history.at(-1);
  // Our own dead letter has its last error in the history, too; others have theirs to add.
  return !told || last?.at === told.at ? history : [...history, { attempt, ...told }];
}

function toldIn(headers: Headers): { at: string; error: string } {
  const [type, message] = [text(headers[HEADER.errorType]), text(headers[HEADER.errorMessage])];
  const at = Date.parse(String(headers[HEADER.errorAt]));
  return { at: isoTime(at), error: [type, message].filter(Boolean).join(': ') };
}

/** An entry of `x-death`. */
interface Death {
  readonly at: string;
  readonly error: string;
  readonly routingKey: string | undefined;
}

const WHY: Readonly<Record<string, string>> = {
  delivery_limit: 'it was delivered too often: it kills the process of its handler, or its channel',
  expired: 'it expired before it was handled',
  rejected: 'somebody rejected it',
  maxlen: 'the queue was full',
};

/** Latest first, as the broker has them. */
function deathsIn(header: unknown): Death[] {
  if (!Array.isArray(header)) return [];
  return (header as Headers[]).flatMap((entry) => {
    const reason = text(entry?.['reason']);
    if (reason === undefined) return [];
    const { value: seconds } = (entry['time'] ?? {}) as { value?: number };
    const [routingKey] = (entry['routing-keys'] ?? []) as unknown[];
    return [
      {
        at: isoTime((seconds ?? 0) * 1_000),
        error: `RabbitMQ (${reason}): ${WHY[reason] ?? 'it was dead-lettered'}`,
        routingKey: text(routingKey),
      },
    ];
  });
}

/** Anybody can send anything: what is no time was at the beginning of all times. */
const isoTime = (ms: number): string => new Date(Number.isNaN(new Date(ms).getTime()) ? 0 : ms).toISOString();

/** The same for the same message each time it is looked at. */
function madeUpId({ content, properties, fields }: ConsumeMessage): string {
  const { headers: _, ...rest } = properties;
  const hash = createHash('sha256').update(JSON.stringify(rest)).update(fields.routingKey).update(content);
  return `anonymous-${hash.digest('hex').slice(0, 16)}`;
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;
