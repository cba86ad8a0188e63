import { z } from 'zod';
import type { Codec, CodecName } from '../event/codec.js';
import { codecNames, isCodec } from '../event/codecs/codecs.js';
import { milliseconds } from '../policy/duration.js';
import { retrySchema } from './retry.js';

/** The rules of every option, with its default. What it yields is the resolved form the rooms are built from. */

export function duration(minimum = 0, maximum = Number.MAX_SAFE_INTEGER) {
  return z.union([z.number(), z.string()]).transform((value, context) => {
    const problem = (message: string) => {
      context.issues.push({ code: 'custom', message, input: value });
      return z.NEVER;
    };
    try {
      const ms = milliseconds(value);
      if (ms < minimum || ms > maximum) return problem(`must be a duration from ${minimum} to ${maximum} ms`);
      return ms;
    } catch (error) {
      return problem((error as Error).message);
    }
  });
}

const integer = (minimum: number, maximum: number) => {
  const error = `must be an integer from ${minimum} to ${maximum}`;
  return z.int({ error }).min(minimum, { error }).max(maximum, { error });
};
const name = (rule: RegExp, error: string) => z.string({ error }).regex(rule, { error });
const flag = z.boolean({ error: 'must be true or false' });
const choice = <const T extends readonly [string, ...string[]]>(...values: T) =>
  z.enum(values, { error: `must be one of ${values.map((value) => `'${value}'`).join(', ')}` });

const amqpUrl = z.string().refine((url) => /^amqps?:\/\//.test(url) && URL.canParse(url), {
  error: "must be an AMQP URL such as 'amqp://user:password@host:5672/vhost'",
});
const identifier = name(
  /^[A-Za-z_][A-Za-z0-9_]{0,47}$/,
  'must be a plain SQL identifier of at most 48 characters',
);
const brokerName = name(/^[\w.:-]{1,127}$/, 'must be 1 to 127 letters, digits, or any of "._:-"');

const rabbitmq = z.strictObject({
  url: z
    .union([amqpUrl.transform((url) => [url]), z.array(amqpUrl).min(1)])
    .default(['amqp://guest:guest@localhost:5672']),
  exchange: brokerName.default('events'),
  queueType: choice('quorum', 'classic').default('quorum'),
  topology: choice('assert', 'check', 'none').default('assert'),
  unroutable: choice('record', 'fail').default('record'),
  connection: z
    .strictObject({
      heartbeat: duration(1_000, 300_000).default(10_000),
      reconnectDelay: duration(10, 300_000).default(1_000),
      socket: z
        .custom<object>((value) => typeof value === 'object', { error: 'must be an object' })
        .optional(),
    })
    .prefault({}),
});

const storage = z.strictObject({
  dataSource: z.string().min(1).default('default'),
  schema: identifier.optional(),
  table: identifier.default('outbox'),
  inboxTable: identifier.default('outbox_inbox'),
  migrate: flag.default(() => process.env['NODE_ENV'] !== 'production'),
});

const codec = z.custom<Codec>(isCodec, { error: 'must be { contentType, encode, decode }' });

const emit = z.strictObject({
  codec: z
    .union([choice(...(codecNames as [CodecName, ...CodecName[]])), codec], {
      error: `must be one of ${codecNames.join(', ')}, or { contentType, encode, decode }`,
    })
    .default('json'),
  ordering: choice('emit', 'commit').default('emit'),
  maxPayload: integer(1, 512 * 1024 * 1024).default(1_048_576),
  expiration: duration(1).optional(),
});

const relay = z.strictObject({
  enabled: flag.default(true),
  pollInterval: duration(10, 3_600_000).default(1_000),
  batchSize: integer(1, 10_000).default(500),
  window: integer(1, 100_000).default(2_000),
  publishTimeout: duration(100, 600_000).default(10_000),
  retry: z
    .strictObject({
      attempts: integer(1, 1_000).default(20),
      backoff: z
        .strictObject({
          delay: duration(1).default(1_000),
          factor: z.number({ error: 'must be a number from 1 to 10' }).min(1).max(10).default(2),
          maxDelay: duration(1).default(300_000),
          jitter: choice('none', 'equal', 'full').default('equal'),
        })
        .prefault({}),
    })
    .prefault({}),
  onDead: choice('park', 'continue').default('park'),
});

const consumers = z.strictObject({
  enabled: flag.default(true),
  prefetch: integer(1, 65_535).default(100),
  retry: retrySchema.prefault(['1s', '10s', '1m', '5m']),
  maxRedeliveries: integer(1, 1_000_000).default(20),
});

export const optionsSchema = z.strictObject({
  service: name(/^[\w.:-]{1,80}$/, 'is required: 1 to 80 letters, digits, or any of "._:-"'),
  rabbitmq: rabbitmq.prefault({}),
  storage: storage.prefault({}),
  emit: emit.prefault({}),
  relay: relay.prefault({}),
  consumers: consumers.prefault({}),
  codecs: z.array(codec, { error: 'must be a list of codecs' }).default([]),
  retention: duration().default(7 * 86_400_000),
  shutdownTimeout: duration(0, 3_600_000).default(30_000),
});

/** The options with all defaults filled in, durations in milliseconds. */
export type ResolvedOptions = z.output<typeof optionsSchema>;
