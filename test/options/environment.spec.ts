import { describe, expect, test } from '@jest/globals';
import { InvalidOptionError } from '../../lib/errors/invalid-option.error.js';
import { environmentVariables } from '../../lib/options/environment.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';

const valueAt = (options: unknown, path: string) =>
  path.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], options);

const SETTING: ReadonlyArray<[variable: string, text: string, option: string, value: unknown]> = [
  ['OUTBOX_SERVICE', 'invoices', 'service', 'invoices'],
  ['OUTBOX_RABBITMQ_URL', 'amqp://a', 'rabbitmq.url', ['amqp://a']],
  ['OUTBOX_RABBITMQ_URL', 'amqp://a, amqp://b', 'rabbitmq.url', ['amqp://a', 'amqp://b']],
  ['OUTBOX_EXCHANGE', 'shop', 'rabbitmq.exchange', 'shop'],
  ['OUTBOX_ALTERNATE_EXCHANGE', 'shop', 'rabbitmq.alternateExchange', 'shop'],
  ['OUTBOX_QUEUE_TYPE', 'classic', 'rabbitmq.queueType', 'classic'],
  ['OUTBOX_TOPOLOGY', 'check', 'rabbitmq.topology', 'check'],
  ['OUTBOX_UNROUTABLE', 'fail', 'rabbitmq.unroutable', 'fail'],
  ['OUTBOX_HEARTBEAT', '20s', 'rabbitmq.connection.heartbeat', 20_000],
  ['OUTBOX_POLL_INTERVAL', '500', 'relay.pollInterval', 500],
  ['OUTBOX_SCHEMA', 'messaging', 'storage.schema', 'messaging'],
  ['OUTBOX_TABLE', 'outgoing', 'storage.table', 'outgoing'],
  ['OUTBOX_INBOX_TABLE', 'incoming', 'storage.inboxTable', 'incoming'],
  ['OUTBOX_MIGRATE', 'false', 'storage.migrate', false],
  ['OUTBOX_MAX_PAYLOAD', '2048', 'emit.maxPayload', 2_048],
  ['OUTBOX_CODEC', 'msgpack', 'emit.codec', 'msgpack'],
  ['OUTBOX_ORDERING', 'commit', 'emit.ordering', 'commit'],
  ['OUTBOX_EXPIRATION', '5m', 'emit.expiration', 300_000],
  ['OUTBOX_RELAY_ENABLED', 'false', 'relay.enabled', false],
  ['OUTBOX_POLL_INTERVAL', '250ms', 'relay.pollInterval', 250],
  ['OUTBOX_BATCH_SIZE', '100', 'relay.batchSize', 100],
  ['OUTBOX_WINDOW', '4000', 'relay.window', 4_000],
  ['OUTBOX_LANES', '64', 'relay.lanes', 64],
  ['OUTBOX_WAKE_UP', 'poll', 'relay.wakeUp', 'poll'],
  ['OUTBOX_PUBLISH_TIMEOUT', '5s', 'relay.publishTimeout', 5_000],
  ['OUTBOX_RELAY_ATTEMPTS', '3', 'relay.retry.attempts', 3],
  ['OUTBOX_ON_DEAD', 'continue', 'relay.onDead', 'continue'],
  ['OUTBOX_CONSUMERS_ENABLED', 'false', 'consumers.enabled', false],
  ['OUTBOX_PREFETCH', '10', 'consumers.prefetch', 10],
  ['OUTBOX_RETRY', '1s,1m', 'consumers.retry', { delays: [1_000, 60_000] }],
  ['OUTBOX_RETRY', 'false', 'consumers.retry', { delays: [] }],
  ['OUTBOX_INBOX', 'true', 'consumers.inbox', { isolation: undefined }],
  ['OUTBOX_TIMEOUT', '30s', 'consumers.timeout', 30_000],
  ['OUTBOX_MAX_REDELIVERIES', '5', 'consumers.maxRedeliveries', 5],
  ['OUTBOX_FORMAT', 'nest', 'format', 'nest'],
  ['OUTBOX_ARCHIVE', 'table', 'archive', 'table'],
  ['OUTBOX_IDLE', 'true', 'idle', true],
  ['OUTBOX_RETENTION', '0s', 'retention', 0],
  ['OUTBOX_INBOX_RETENTION', '60d', 'inboxRetention', 60 * 86_400_000],
  ['OUTBOX_SHUTDOWN_TIMEOUT', '1m', 'shutdownTimeout', 60_000],
];

describe('the environment', () => {
  test.each(SETTING)('%s=%s sets %s', (variable, text, option, value) => {
    const given = { service: 'orders' };
    const options = variable === 'OUTBOX_SERVICE' ? ({} as typeof given) : given;
    expect(valueAt(resolveOptions(options, { [variable]: text }), option)).toEqual(value);
  });

  test('every variable is covered here', () => {
    expect(new Set(SETTING.map(([variable]) => variable))).toEqual(new Set(environmentVariables()));
  });

  test('is overridden by code', () => {
    const env = {
      OUTBOX_SERVICE: 'from-env',
      OUTBOX_BATCH_SIZE: '7',
      OUTBOX_WINDOW: '777',
      OUTBOX_RETRY: '1s',
      OUTBOX_MIGRATE: 'true',
    };
    const options = resolveOptions(
      {
        service: 'from-code',
        relay: { batchSize: 8 },
        consumers: { retry: false },
        storage: { migrate: false },
      },
      env,
    );
    expect(options).toMatchObject({
      service: 'from-code',
      relay: { batchSize: 8, window: 777 },
      consumers: { retry: { delays: [] } },
      storage: { migrate: false },
    });
  });

  test('a wrong value that code overrides is nobody’s problem', () => {
    const options = resolveOptions(
      { service: 'orders', relay: { batchSize: 8 } },
      { OUTBOX_BATCH_SIZE: 'x' },
    );
    expect(options.relay.batchSize).toBe(8);
  });

  test.each(['', undefined])('%p sets nothing', (text) => {
    const options = resolveOptions({ service: 'orders' }, { OUTBOX_BATCH_SIZE: text, OUTBOX_MIGRATE: text });
    expect(options).toEqual(resolveOptions({ service: 'orders' }, {}));
  });

  test.each([
    ['OUTBOX_BATCH_SIZE', 'many', 'relay.batchSize', '"many"'],
    ['OUTBOX_BATCH_SIZE', '0', 'relay.batchSize', '0'],
    ['OUTBOX_MIGRATE', 'yes', 'storage.migrate', '"yes"'],
    ['OUTBOX_POLL_INTERVAL', 'often', 'relay.pollInterval', '"often"'],
    ['OUTBOX_RABBITMQ_URL', 'localhost', 'rabbitmq.url', '["localhost"]'],
    ['OUTBOX_RABBITMQ_URL', 'false', 'rabbitmq.url', 'false'],
    ['OUTBOX_RETRY', '1s,later', 'consumers.retry', '["1s","later"]'],
    ['OUTBOX_INBOX_RETENTION', '1s', 'inboxRetention', '"1s"'],
    ['OUTBOX_QUEUE_TYPE', 'stream', 'rabbitmq.queueType', '"stream"'],
    ['OUTBOX_SERVICE', 'my orders', 'service', '"my orders"'],
  ])('%s=%s fails the start, naming the variable and the option', (variable, text, option, got) => {
    const resolve = () =>
      resolveOptions(variable === 'OUTBOX_SERVICE' ? ({} as never) : { service: 'orders' }, {
        [variable]: text,
      });
    expect(resolve).toThrow(InvalidOptionError);
    expect(resolve).toThrow(`${variable} (option ${option}) `);
    expect(resolve).toThrow(`, got ${got}`);
  });

  test('is named too when two values cannot work together', () => {
    const resolve = () =>
      resolveOptions({ service: 'orders', relay: { batchSize: 200 } }, { OUTBOX_WINDOW: '100' });
    expect(resolve).toThrow(
      'OUTBOX_WINDOW (option relay.window) (100) must be at least relay.batchSize (200)',
    );
  });
});
