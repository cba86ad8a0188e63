import { z } from 'zod';
import type { Codec, CodecName } from '../event/codec.js';
import { codecNames, isCodec } from '../event/codecs/codecs.js';
import { wireFormats } from '../event/wire/format.js';
import type { ArchiveFunction } from '../event/archive.js';
import { durationText, LONGEST_DURATION, milliseconds, type Duration } from '../policy/duration.js';
import { inboxSchema } from './inbox.js';
import { retrySchema } from './retry.js';

/** The rules of every option, with its default. What it yields is the resolved form the rooms are built from. */

export function duration(minimum = 0, maximum = LONGEST_DURATION) {
  return z.unknown().transform((value, context): number => {
    try {
      const ms = milliseconds(value as Duration);
      if (ms >= minimum && ms <= maximum) return ms;
      return refuse(
        context,
        value,
        `must be a duration from ${durationText(minimum)} to ${durationText(maximum)}`,
      );
    } catch (error) {
      return refuse(context, value, (error as Error).message);
    }
  });
}

function refuse(context: z.core.$RefinementCtx, input: unknown, message: string): never {
  context.issues.push({ code: 'custom', message, input });
  return z.NEVER;
}

const group = <T extends z.core.$ZodLooseShape>(shape: T) =>
  z.strictObject(shape, { error: 'must be an object of options' });
const integer = (minimum: number, maximum: number) => {
  const error = `must be an integer from ${minimum} to ${maximum}`;
  return z.int({ error }).min(minimum, { error }).max(maximum, { error });
};
const number = (minimum: number, maximum: number) => {
  const error = `must be a number from ${minimum} to ${maximum}`;
  return z.number({ error }).min(minimum, { error }).max(maximum, { error });
};
const name = (rule: RegExp, error: string) => z.string({ error }).regex(rule, { error });
const flag = z.boolean({ error: 'must be true or false' });
const choice = <const T extends readonly [string, ...string[]]>(...values: T) =>
  z.enum(values, { error: `must be one of ${values.map((value) => `'${value}'`).join(', ')}` });

const amqpUrls = z.unknown().transform((value, context): string[] => {
  const urls: unknown[] = Array.isArray(value) ? value : [value];
  if (urls.length > 0 && urls.every(isAmqpUrl)) return [...urls];
  return refuse(
    context,
    value,
    "must be an AMQP URL such as 'amqp://user:password@host:5672/vhost', or a list of them",
  );
});
const isAmqpUrl = (url: unknown): url is string =>
  typeof url === 'string' && /^amqps?:\/\//.test(url) && URL.canParse(url) && new URL(url).hostname !== '';
const identifier = name(
  /^[A-Za-z_][A-Za-z0-9_]{0,47}$/,
  'must be a plain SQL identifier of at most 48 characters',
);
const brokerName = name(/^[\w.:-]{1,127}$/, 'must be 1 to 127 letters, digits, or any of "._:-"');

const rabbitmq = group({
  url: amqpUrls.default(['amqp://guest:guest@localhost:5672']),
  exchange: brokerName.default('events'),
  alternateExchange: brokerName.optional(),
  queueType: choice('quorum', 'classic').default('quorum'),
  topology: choice('assert', 'check', 'none').default('assert'),
  unroutable: choice('record', 'fail').default('record'),
  connection: group({
    heartbeat: duration(1_000, 300_000)
      .refine((ms) => ms % 1_000 === 0, { error: 'must be whole seconds' })
      .default(10_000),
    reconnectDelay: duration(10, 300_000).default(1_000),
    socket: z
      .custom<object>((value) => typeof value === 'object' && value !== null, { error: 'must be an object' })
      .optional(),
  }).prefault({}),
});

const storage = group({
  dataSource: name(/./, 'must be the name of a TypeORM data source').default('default'),
  schema: identifier.optional(),
  table: identifier.default('outbox'),
  inboxTable: identifier.default('outbox_inbox'),
  migrate: flag.default(() => process.env['NODE_ENV'] !== 'production'),
});

const codec = z.custom<Codec>(isCodec, { error: 'must be { contentType, encode, decode }' });

const emit = group({
  codec: z
    .union([choice(...(codecNames as [CodecName, ...CodecName[]])), codec], {
      error: `must be one of ${codecNames.join(', ')}, or { contentType, encode, decode }`,
    })
    .default('json'),
  ordering: choice('emit', 'commit').default('emit'),
  maxPayload: integer(1, 512 * 1024 * 1024).default(1_048_576),
  expiration: duration(1).optional(),
});

const relay = group({
  enabled: flag.default(true),
  pollInterval: duration(10, 3_600_000).default(1_000),
  batchSize: integer(1, 10_000).default(500),
  window: integer(1, 100_000).default(2_000),
  lanes: z
    .literal([1, 2, 4, 8, 16, 32, 64, 128, 256], { error: 'must be a power of two from 1 to 256' })
    .default(16),
  wakeUp: choice('auto', 'poll').default('auto'),
  publishTimeout: duration(100, 600_000).default(10_000),
  retry: group({
    attempts: integer(1, 1_000).default(20),
    backoff: group({
      delay: duration(1).default(1_000),
      factor: number(1, 10).default(2),
      maxDelay: duration(1).default(300_000),
      jitter: choice('none', 'equal', 'full').default('equal'),
    }).prefault({}),
  }).prefault({}),
  onDead: choice('park', 'continue').default('park'),
});

/** RabbitMQ takes a message back that is held for half an hour, unless told otherwise (`consumer_timeout`). */
export const handlerTimeout = duration(1, 86_400_000);

/** RabbitMQ's longest TTL is 2³² − 1 ms, not quite 50 days. */
/** How long the first event of a handler's batch waits for others. */
export const batchWait = duration(0, 600_000);

export const queueExpiration = duration(1, 49 * 86_400_000);

const consumers = group({
  enabled: flag.default(true),
  prefetch: integer(1, 65_535).default(100),
  retry: retrySchema.prefault(['1s', '10s', '1m', '5m']),
  inbox: inboxSchema.prefault(false),
  timeout: handlerTimeout.optional(),
  maxRedeliveries: integer(1, 1_000_000).default(20),
  enhancers: group({
    guards: flag.default(true),
    interceptors: flag.default(true),
    pipes: flag.default(true),
    filters: flag.default(true),
  }).prefault({}),
});

const isFunction = (value: unknown): value is ArchiveFunction => typeof value === 'function';
const archive = z.union([choice('table'), z.custom<ArchiveFunction>(isFunction)], {
  error: "must be 'table' or a function",
});

export const optionsSchema = group({
  service: name(/^[\w.:-]{1,80}$/, 'is required: 1 to 80 letters, digits, or any of "._:-"'),
  rabbitmq: rabbitmq.prefault({}),
  storage: storage.prefault({}),
  emit: emit.prefault({}),
  relay: relay.prefault({}),
  consumers: consumers.prefault({}),
  codecs: z.array(codec, { error: 'must be a list of codecs' }).default([]),
  format: choice(...wireFormats).default('plain'),
  retention: duration().default(7 * 86_400_000),
  archive: archive.optional(),
  idle: flag.default(false),
  inboxRetention: duration(60_000).default(30 * 86_400_000),
  shutdownTimeout: duration(0, 3_600_000).default(30_000),
});

/** The options with all defaults filled in, durations in milliseconds. */
export type ResolvedOptions = z.output<typeof optionsSchema>;
