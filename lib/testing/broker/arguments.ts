import { isDeepStrictEqual } from 'node:util';
import type { AmqpException } from './errors.js';
import { described, refused } from './errors.js';
import type { Table } from './methods.js';

/**
 * The AMQP type of a value, in RabbitMQ's words. amqplib's decoder drops the type that was on the wire, so this is the
 * one its encoder picks for the value: right for every client built on it, and only ever seen in an error message.
 */
export function typeName(value: unknown): string {
  if (typeof value === 'string') return 'longstr';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return numberType(value);
  if (value === null) return 'void';
  if (Array.isArray(value)) return 'array';
  if (Buffer.isBuffer(value)) return 'binary';
  return isTyped(value) ? value['!'] : 'table';
}

function numberType(value: number): string {
  if (!Number.isInteger(value)) return 'double';
  if (value >= -0x80 && value < 0x80) return 'byte';
  if (value >= -0x8000 && value < 0x8000) return 'short';
  if (value >= -0x80000000 && value < 0x80000000) return 'signedint';
  return 'long';
}

function isTyped(value: unknown): value is { '!': string } {
  return typeof value === 'object' && value !== null && '!' in value;
}

export function isInteger(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value);
}

/** Throws RabbitMQ's PRECONDITION_FAILED when something is declared again with another value. */
export function assertEquivalent(
  kind: 'queue' | 'exchange',
  name: string,
  property: string,
  current: unknown,
  received: unknown,
): void {
  if (isDeepStrictEqual(current, received)) return;
  throw inequivalent(kind, name, property, `'${shown(current)}'`, `'${shown(received)}'`);
}

/** The same for the arguments that count; the others may differ. */
export function assertEquivalentArguments(
  kind: 'queue' | 'exchange',
  name: string,
  names: readonly string[],
  current: Table,
  received: Table,
): void {
  for (const key of names) {
    const [before, after] = [current[key], received[key]];
    if (isDeepStrictEqual(before, after) || bothClassic(key, before, after)) continue;
    if (before !== undefined && after !== undefined) assertEquivalent(kind, name, key, before, after);
    throw inequivalent(kind, name, key, typed(before), typed(after));
  }
}

/** An argument that names an exchange must be a string. */
export function assertExchangeName(
  kind: 'queue' | 'exchange',
  name: string,
  key: string,
  given: Table,
): void {
  const value = given[key];
  if (value === undefined || typeof value === 'string') return;
  throw refused(`invalid type '${typeName(value)}' for arg '${key}' in ${described(kind, name)}`);
}

/** A classic queue need not say that it is one. */
function bothClassic(key: string, ...values: unknown[]): boolean {
  return key === 'x-queue-type' && values.every((value) => value === undefined || value === 'classic');
}

function typed(value: unknown): string {
  return value === undefined ? 'none' : `the value '${shown(value)}' of type '${typeName(value)}'`;
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function inequivalent(
  kind: 'queue' | 'exchange',
  name: string,
  property: string,
  current: string,
  received: string,
): AmqpException {
  return refused(
    `inequivalent arg '${property}' for ${described(kind, name)}: received ${received} but current is ${current}`,
  );
}
