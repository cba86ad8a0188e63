import type { z } from 'zod';
import { describeValue } from '../errors/describe-value.js';
import { InvalidOptionError } from '../errors/invalid-option.error.js';
import { isCodec } from '../event/codecs/codecs.js';
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
  assertConsistent(result.data, (option) => nameOf(option.split('.'), fromEnvironment));
  return deepFreeze(result.data);
}

function assertConsistent(
  { relay, rabbitmq, consumers, retention, archive }: ResolvedOptions,
  named: (option: string) => string,
): void {
  const found: string[] = [];
  if (relay.batchSize > relay.window) {
    const { window, batchSize } = relay;
    found.push(
      `${named('relay.window')} (${window}) must be at least ${named('relay.batchSize')} (${batchSize})`,
    );
  }
  const { delay, maxDelay } = relay.retry.backoff;
  if (maxDelay < delay) {
    found.push(`relay.retry.backoff.maxDelay (${maxDelay} ms) must be at least its delay (${delay} ms)`);
  }
  if (archive !== undefined && retention === 0) {
    found.push(
      `${named('archive')} needs published rows to be there for a while: ${named('retention')} must be at least '1s', got 0`,
    );
  }
  if (rabbitmq.alternateExchange === rabbitmq.exchange) {
    found.push(
      `${named('rabbitmq.alternateExchange')} must be another than ${named('rabbitmq.exchange')} ('${rabbitmq.exchange}')`,
    );
  }
  if (rabbitmq.queueType === 'quorum' && consumers.prefetch > 2_000) {
    found.push(
      `${named('consumers.prefetch')} must be at most 2000 on quorum queues (RabbitMQ's limit), got ${consumers.prefetch}`,
    );
  }
  if (found.length > 0) throw new InvalidOptionError(found);
}

function problems(
  issue: z.core.$ZodIssue,
  input: unknown,
  fromEnvironment: readonly EnvironmentValue[],
): string[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${[...issue.path, key].join('.')} is not an option`);
  }
  const path = issue.path.map(String);
  return [`${nameOf(path, fromEnvironment)} ${issue.message}, got ${described(valueAt(input, path))}`];
}

/** What the user wrote: the option, or the variable it came from. */
function nameOf(path: readonly string[], fromEnvironment: readonly EnvironmentValue[]): string {
  const option = path.join('.') || 'the options';
  const origin = fromEnvironment.find((value) => value.path.join('.') === option);
  return origin ? `${origin.variable} (option ${option})` : option;
}

/** Errors are logged; the password in a URL must not be. */
function described(value: unknown): string {
  const shown = (item: unknown) => (typeof item === 'string' ? item.replace(/:\/\/.*@/, '://…@') : item);
  return describeValue(Array.isArray(value) ? value.map(shown) : shown(value));
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
  if (isCodec(value)) return value;
  const given = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(given.map(([key, item]) => [key, withoutUndefined(item)]));
}

/** All but socket settings and codecs, which are the application's own objects. */
function deepFreeze<T>(value: T): T {
  const isOurs = Array.isArray(value) || Object.getPrototypeOf(value ?? 0) === Object.prototype;
  if (!isOurs || isCodec(value)) return value;
  for (const [key, item] of Object.entries(value as object)) if (key !== 'socket') deepFreeze(item);
  return Object.freeze(value);
}
