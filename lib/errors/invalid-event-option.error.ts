import { OutboxError } from './outbox.error.js';

/** An option of `emit()` (`key`, `id`, `headers`, `delay`, …) that the broker or the table could not carry. */
export class InvalidEventOptionError extends OutboxError {
  readonly code = 'OUTBOX_INVALID_EVENT_OPTION';

  constructor(type: string, option: string, rule: string, got: unknown) {
    super(`Cannot emit "${type}": option ${option} ${rule}, got ${describe(got)}.`);
  }
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}…` : value);
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null && !(value instanceof Date))
    return `a ${value.constructor?.name ?? 'object'}`;
  return String(value);
}
