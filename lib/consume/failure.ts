import type { Failure } from '../broker/subscriber.js';
import { hintOf } from './hint.js';

/** What a dead letter tells of its error. Anything can be thrown, even what throws again when it is looked at. */
export function failureOf(error: unknown, at = new Date()): Failure {
  try {
    return { ...(error instanceof Error ? ofError(error) : ofValue(error)), at };
  } catch {
    return { type: typeof error, message: 'what was thrown cannot be read', stack: undefined, at };
  }
}

/** One line for the log. */
export function describeFailure(error: unknown): string {
  const { type, message } = failureOf(error);
  return message === '' ? type : `${type}: ${message}`;
}

type Told = Omit<Failure, 'at'>;

function ofError(error: Error): Told {
  const { name, message, stack } = error;
  const details = detailsOf(error);
  const hint = hintOf(error);
  const told = `${text(message)}${details ? `: ${details}` : ''}${hint ? ` (${hint})` : ''}`;
  return { type: text(name), message: told, stack: typeof stack === 'string' ? stack : undefined };
}

/** Nest's validation pipes say "Bad Request Exception" and keep what is wrong with which property to themselves. */
function detailsOf(error: Error & { getResponse?: () => unknown }): string | undefined {
  const response = typeof error.getResponse === 'function' ? error.getResponse() : undefined;
  const { message } = (response ?? {}) as { message?: unknown };
  return Array.isArray(message) ? message.map(text).join('; ') : undefined;
}

function ofValue(value: unknown): Told {
  const type = value === null ? 'null' : typeof value;
  if (typeof value !== 'object' || value === null) return { type, message: text(value), stack: undefined };
  const { name } = (value.constructor as { name?: unknown } | undefined) ?? {};
  return { type: text(name ?? type), message: json(value), stack: undefined };
}

function json(value: object): string {
  try {
    return JSON.stringify(value) ?? Object.prototype.toString.call(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : String(value));
