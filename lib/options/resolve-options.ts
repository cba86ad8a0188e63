import type { z } from 'zod';
import { InvalidOptionError } from '../errors/invalid-option.error.js';
import { readEnvironment, type Environment, type EnvironmentValue } from './environment.js';
import type { OutboxOptions } from './options.js';
import { optionsSchema, type ResolvedOptions } from './schema.js';

/**
 * Defaults, overridden by `OUTBOX_*` variables, overridden by code; checked once, then frozen.
 * @throws {InvalidOptionError} naming every wrong option (or variable) and the value it got.
 */
export function resolveOptions(options: OutboxOptions, env: Environment = process.env): ResolvedOptions {
  const fromEnvironment = readEnvironment(env).filter(({ path }) => valueAt(options, path) === undefined);
  const input = structuredOverlay(options, fromEnvironment);
  const result = optionsSchema.safeParse(input);
  if (!result.success) {
    throw new InvalidOptionError(
      result.error.issues.flatMap((issue) => problems(issue, input, fromEnvironment)),
    );
  }
  assertConsistent(result.data);
  return deepFreeze(result.data);
}

function assertConsistent({ relay, rabbitmq, consumers }: ResolvedOptions): void {
  const found: string[] = [];
  if (relay.batchSize > relay.window) {
    found.push(`relay.window (${relay.window}) must be at least relay.batchSize (${relay.batchSize})`);
  }
  const { delay, maxDelay } = relay.retry.backoff;
  if (maxDelay < delay)
    found.push(`relay.retry.backoff.maxDelay (${maxDelay} ms) must be at least its delay (${delay} ms)`);
  if (rabbitmq.queueType === 'quorum' && consumers.prefetch > 2_000) {
    found.push(
      `consumers.prefetch must be at most 2000 on quorum queues (RabbitMQ's limit), got ${consumers.prefetch}`,
    );
  }
  if (found.length > 0) throw new InvalidOptionError(found);
}

type Issue = z.core.$ZodIssue;

function problems(issue: Issue, input: unknown, fromEnvironment: readonly EnvironmentValue[]): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${[...issue.path, key].join('.')} is not an option`);
  }
  const path = issue.path.map(String);
  const inner = issue.code === 'invalid_union' ? issue.errors.flat().at(-1)?.message : undefined;
  const got = describe(valueAt(input, path));
  const variable = fromEnvironment.find((value) => path.join('.').startsWith(value.path.join('.')))?.variable;
  const name = variable ? `${variable} (option ${path.join('.')})` : path.join('.') || 'the options';
  return [`${name} ${inner ?? issue.message}, got ${got}`];
}

function describe(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  return JSON.stringify(value) ?? String(value);
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined | null)?.[key], value);
}

function structuredOverlay(options: OutboxOptions, values: readonly EnvironmentValue[]): unknown {
  return values.reduce<unknown>(
    (result, { path, value }) => withValue(result, path, value),
    withoutUndefined(options),
  );
}

function withValue(target: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  const object = (target ?? {}) as Record<string, unknown>;
  return { ...object, [key]: withValue(object[key], rest, value) };
}

/** `{ relay: undefined }`, as spreading optional configuration makes it, means "not given". */
function withoutUndefined(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value;
  const given = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(given.map(([key, item]) => [key, withoutUndefined(item)]));
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
