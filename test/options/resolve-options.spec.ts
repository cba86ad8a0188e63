import { describe, expect, test } from '@jest/globals';
import type { OutboxOptions } from 'nestjs-rabbitmq-outbox';
import { InvalidOptionError } from '../../lib/errors/invalid-option.error.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';

const resolve = (options: object = {}, env: Record<string, string> = {}) =>
  resolveOptions({ service: 'orders', ...options }, env);

const problems = (options: unknown, env: Record<string, string> = {}): readonly string[] => {
  try {
    resolveOptions(options as OutboxOptions, env);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidOptionError);
    return (error as InvalidOptionError).problems;
  }
  throw new Error('was not refused');
};

/** `{ relay: { window: 5 } }` from `'relay.window'` and 5, with a service. */
const withOption = (path: string, value: unknown): object =>
  Object.assign(
    path === 'service' ? {} : { service: 'orders' },
    path.split('.').reduceRight<unknown>((inner, key) => ({ [key]: inner }), value),
  );

const HOUR = 3_600_000;

describe('resolveOptions', () => {
  test('does not create tables by itself in production', () => {
    const before = process.env['NODE_ENV'];
    process.env['NODE_ENV'] = 'production';
    try {
      expect(resolve().storage.migrate).toBe(false);
      expect(resolve({ storage: { migrate: true } }).storage.migrate).toBe(true);
    } finally {
      process.env['NODE_ENV'] = before;
    }
  });

  test('reads durations in every place as milliseconds', () => {
    const options = resolve({
      retention: '1h30m',
      shutdownTimeout: 500,
      relay: { pollInterval: '250ms', retry: { backoff: { delay: '2s', maxDelay: '1h' } } },
      emit: { expiration: '5m' },
      rabbitmq: { connection: { heartbeat: '30s' } },
      consumers: { retry: ['1s', 2_000] },
    });
    expect(options).toMatchObject({
      retention: 1.5 * HOUR,
      shutdownTimeout: 500,
      relay: { pollInterval: 250, retry: { backoff: { delay: 2_000, maxDelay: HOUR } } },
      emit: { expiration: 300_000 },
      rabbitmq: { connection: { heartbeat: 30_000 } },
      consumers: { retry: { delays: [1_000, 2_000] } },
    });
  });

  test('takes one URL or several', () => {
    expect(resolve({ rabbitmq: { url: 'amqps://a' } }).rabbitmq.url).toEqual(['amqps://a']);
    const several = ['amqp://a:1', 'amqp://b:2/vhost'];
    expect(resolve({ rabbitmq: { url: several } }).rabbitmq.url).toEqual(several);
  });

  test('leaves codecs as they are: they may have a state of their own', () => {
    const codec = () => ({ contentType: 'a/b', encode: () => new Uint8Array(), decode: () => 0, uses: 0 });
    const [one, other] = [codec(), codec()];
    const options = resolve({ emit: { codec: one }, codecs: [other] });
    expect(options.emit.codec).toBe(one);
    expect(options.codecs[0]).toBe(other);
    expect([one, other].some(Object.isFrozen)).toBe(false);
  });

  test('takes undefined for "not given", as spreading optional configuration makes it', () => {
    const options = { relay: { batchSize: undefined }, storage: undefined, retention: undefined };
    expect(resolve(options)).toEqual(resolve());
  });

  test('is frozen all the way down, and leaves the objects it was given alone', () => {
    const given = {
      rabbitmq: { url: ['amqp://a'], connection: { socket: { credentials: {} } } },
      relay: { retry: {} },
    };
    const options = resolve(given);
    const open = (value: unknown, path: string): string[] =>
      typeof value !== 'object' || value === null || path.endsWith('.socket')
        ? []
        : [
            ...(Object.isFrozen(value) ? [] : [path]),
            ...Object.entries(value).flatMap(([key, item]) => open(item, `${path}.${key}`)),
          ];
    expect(open(options, 'options')).toEqual([]);
    expect(options.rabbitmq.connection.socket).toEqual(given.rabbitmq.connection.socket);
    expect(
      [given, given.rabbitmq, given.rabbitmq.url, given.relay, given.rabbitmq.connection.socket].some(
        Object.isFrozen,
      ),
    ).toBe(false);
  });

  const URL_RULE =
    "rabbitmq.url must be an AMQP URL such as 'amqp://user:password@host:5672/vhost', or a list of them, got";
  const DURATION_RULE = "must be a duration such as 1500, '250ms', '5s' or '1h30m', got";
  const CODEC_RULE = 'must be one of json, text, bytes, msgpack, or { contentType, encode, decode }';
  const RETRY_RULE =
    "consumers.retry must be a list of delays such as ['1s', '10s'], false, { delays, immediate, retryIf }, or " +
    '{ attempts: 1–1000, backoff: { delay, factor: 1–10, maxDelay, jitter }, immediate: 0–10, retryIf }';

  test.each<[string, unknown, string]>([
    ['service', undefined, 'service is required: 1 to 80 letters, digits, or any of "._:-", got undefined'],
    ['service', '', 'service is required: 1 to 80 letters, digits, or any of "._:-", got ""'],
    [
      'service',
      'my orders',
      'service is required: 1 to 80 letters, digits, or any of "._:-", got "my orders"',
    ],
    ['rabbitmq', 'amqp://localhost', 'rabbitmq must be an object of options, got "amqp://localhost"'],
    ['rabbitmq', null, 'rabbitmq must be an object of options, got null'],
    ['rabbitmq.url', 'localhost:5672', `${URL_RULE} "localhost:5672"`],
    ['rabbitmq.url', 'http://localhost', `${URL_RULE} "http://localhost"`],
    ['rabbitmq.url', 'amqp://', `${URL_RULE} "amqp://"`],
    ['rabbitmq.url', 5672, `${URL_RULE} 5672`],
    ['rabbitmq.url', [], `${URL_RULE} []`],
    ['rabbitmq.url', ['amqp://a', 'b'], `${URL_RULE} ["amqp://a","b"]`],
    ['rabbitmq.exchange', '', 'rabbitmq.exchange must be 1 to 127 letters, digits, or any of "._:-", got ""'],
    ['rabbitmq.exchange', 7, 'rabbitmq.exchange must be 1 to 127 letters, digits, or any of "._:-", got 7'],
    ['rabbitmq.queueType', 'stream', "rabbitmq.queueType must be one of 'quorum', 'classic', got \"stream\""],
    ['rabbitmq.topology', true, "rabbitmq.topology must be one of 'assert', 'check', 'none', got true"],
    ['rabbitmq.unroutable', 'drop', "rabbitmq.unroutable must be one of 'record', 'fail', got \"drop\""],
    [
      'rabbitmq.connection.heartbeat',
      '1500ms',
      'rabbitmq.connection.heartbeat must be whole seconds, got "1500ms"',
    ],
    [
      'rabbitmq.connection.heartbeat',
      0,
      'rabbitmq.connection.heartbeat must be a duration from 1s to 5m, got 0',
    ],
    [
      'rabbitmq.connection.reconnectDelay',
      1,
      'rabbitmq.connection.reconnectDelay must be a duration from 10ms to 5m, got 1',
    ],
    ['rabbitmq.connection.socket', 'tls', 'rabbitmq.connection.socket must be an object, got "tls"'],
    ['storage.dataSource', 5, 'storage.dataSource must be the name of a TypeORM data source, got 5'],
    [
      'storage.schema',
      'a"b',
      'storage.schema must be a plain SQL identifier of at most 48 characters, got "a\\"b"',
    ],
    [
      'storage.table',
      '1st',
      'storage.table must be a plain SQL identifier of at most 48 characters, got "1st"',
    ],
    [
      'storage.table',
      't'.repeat(49),
      `storage.table must be a plain SQL identifier of at most 48 characters, got "${'t'.repeat(49)}"`,
    ],
    [
      'storage.inboxTable',
      '',
      'storage.inboxTable must be a plain SQL identifier of at most 48 characters, got ""',
    ],
    ['storage.migrate', 'yes', 'storage.migrate must be true or false, got "yes"'],
    ['emit.maxPayload', 0, 'emit.maxPayload must be an integer from 1 to 536870912, got 0'],
    ['emit.maxPayload', '1MB', 'emit.maxPayload must be an integer from 1 to 536870912, got "1MB"'],
    ['emit.maxPayload', 10n, 'emit.maxPayload must be an integer from 1 to 536870912, got 10n'],
    ['emit.codec', 'xml', `emit.codec ${CODEC_RULE}, got "xml"`],
    ['emit.codec', {}, `emit.codec ${CODEC_RULE}, got {}`],
    [
      'emit.codec',
      { contentType: '', encode() {}, decode() {} },
      `emit.codec ${CODEC_RULE}, got {"contentType":""}`,
    ],
    ['emit.ordering', 'none', "emit.ordering must be one of 'emit', 'commit', got \"none\""],
    ['codecs', 'json', 'codecs must be a list of codecs, got "json"'],
    ['codecs', ['json'], 'codecs.0 must be { contentType, encode, decode }, got "json"'],
    ['emit.expiration', '11y', `emit.expiration ${DURATION_RULE} "11y"`],
    ['emit.expiration', '3651d', 'emit.expiration must be a duration of at most \'3650d\', got "3651d"'],
    ['relay.enabled', 'true', 'relay.enabled must be true or false, got "true"'],
    ['relay.pollInterval', '1 s', `relay.pollInterval ${DURATION_RULE} "1 s"`],
    ['relay.pollInterval', true, `relay.pollInterval ${DURATION_RULE} true`],
    ['relay.pollInterval', Number.NaN, `relay.pollInterval ${DURATION_RULE} NaN`],
    ['relay.pollInterval', 5, 'relay.pollInterval must be a duration from 10ms to 1h, got 5'],
    ['relay.batchSize', 1.5, 'relay.batchSize must be an integer from 1 to 10000, got 1.5'],
    ['relay.batchSize', 10_001, 'relay.batchSize must be an integer from 1 to 10000, got 10001'],
    ['relay.window', -1, 'relay.window must be an integer from 1 to 100000, got -1'],
    ['relay.publishTimeout', '1h', 'relay.publishTimeout must be a duration from 100ms to 10m, got "1h"'],
    ['relay.retry', [1_000], 'relay.retry must be an object of options, got [1000]'],
    ['relay.retry.attempts', 0, 'relay.retry.attempts must be an integer from 1 to 1000, got 0'],
    ['relay.retry.backoff.factor', 0.5, 'relay.retry.backoff.factor must be a number from 1 to 10, got 0.5'],
    [
      'relay.retry.backoff.jitter',
      'some',
      "relay.retry.backoff.jitter must be one of 'none', 'equal', 'full', got \"some\"",
    ],
    ['relay.retry.backoff.delay', 0, 'relay.retry.backoff.delay must be a duration from 1ms to 3650d, got 0'],
    ['relay.onDead', 'skip', "relay.onDead must be one of 'park', 'continue', got \"skip\""],
    ['consumers.enabled', 1, 'consumers.enabled must be true or false, got 1'],
    ['consumers.prefetch', 0, 'consumers.prefetch must be an integer from 1 to 65535, got 0'],
    ['consumers.retry', true, `${RETRY_RULE}, got true`],
    [
      'consumers.retry',
      ['soon'],
      `${RETRY_RULE}; a delay must be a duration such as 1500, '250ms', '5s' or '1h30m', got ["soon"]`,
    ],
    ['consumers.retry', { attempts: 0 }, `${RETRY_RULE}, got {"attempts":0}`],
    ['consumers.retry', { attempts: 1e9 }, `${RETRY_RULE}, got {"attempts":1000000000}`],
    ['consumers.retry', { tries: 3 }, `${RETRY_RULE}, got {"tries":3}`],
    ['consumers.retry', { backoff: { factor: 0 } }, `${RETRY_RULE}, got {"backoff":{"factor":0}}`],
    ['consumers.retry', { delays: ['1s'], attempts: 3 }, `${RETRY_RULE}, got {"delays":["1s"],"attempts":3}`],
    ['consumers.retry', { retryIf: true }, `${RETRY_RULE}, got {"retryIf":true}`],
    ['consumers.maxRedeliveries', 0, 'consumers.maxRedeliveries must be an integer from 1 to 1000000, got 0'],
    ['retention', -1, `retention ${DURATION_RULE} -1`],
    ['retention', 'forever', `retention ${DURATION_RULE} "forever"`],
    ['shutdownTimeout', '2h', 'shutdownTimeout must be a duration from 0s to 1h, got "2h"'],
  ])('refuses %s: %p, saying so', (path, value, problem) => {
    expect(problems(withOption(path, value))).toEqual([problem]);
  });

  test.each([
    ['relais', 'relais is not an option'],
    ['relay.batchsize', 'relay.batchsize is not an option'],
    ['rabbitmq.connection.tls', 'rabbitmq.connection.tls is not an option'],
    ['relay.retry.backoff.max', 'relay.retry.backoff.max is not an option'],
  ])('refuses %s, which is not an option', (path, problem) => {
    expect(problems(withOption(path, 1))).toEqual([problem]);
  });

  test('names everything that is wrong at once, one per line', () => {
    const wrong = {
      service: 'orders',
      relay: { batchSize: 0, windw: 1 },
      retention: 'x',
      consumers: { prefetch: 0 },
    };
    const found = problems(wrong);
    const named = found.map((problem) => problem.split(' ')[0]);
    expect(named).toHaveLength(4);
    expect(named).toEqual(
      expect.arrayContaining(['consumers.prefetch', 'relay.batchSize', 'relay.windw', 'retention']),
    );
    expect(new InvalidOptionError(found).message.split('\n')).toHaveLength(5);
  });

  test.each([undefined, null, 'orders', []])('refuses %p for options', (options) => {
    expect(problems(options)[0]).toMatch(/^the options must be an object of options, got /);
  });

  test('never shows a password in an error', () => {
    const [problem] = problems(
      withOption('rabbitmq.url', ['amqp://shop:s3cr@t@host', 'amqp:/shop:s3cret@host']),
    );
    expect(problem).toContain('amqp://…@host');
    expect(problem).not.toContain('s3cr@t');
  });

  test.each<[object, string]>([
    [{ relay: { window: 100 } }, 'relay.window (100) must be at least relay.batchSize (500)'],
    [
      { relay: { retry: { backoff: { delay: '10m' } } } },
      'relay.retry.backoff.maxDelay (300000 ms) must be at least its delay (600000 ms)',
    ],
    [
      { consumers: { prefetch: 2_001 } },
      "consumers.prefetch must be at most 2000 on quorum queues (RabbitMQ's limit), got 2001",
    ],
    [
      { rabbitmq: { alternateExchange: 'events' } },
      "rabbitmq.alternateExchange must be another than rabbitmq.exchange ('events')",
    ],
    [
      { retention: '0s', archive: 'table' },
      "archive needs published rows to be there for a while: retention must be at least '1s', got 0",
    ],
  ])('refuses what cannot work together: %j', (options, problem) => {
    expect(problems({ service: 'orders', ...options })).toEqual([problem]);
  });

  test('takes a large prefetch on classic queues', () => {
    const options = resolve({ rabbitmq: { queueType: 'classic' }, consumers: { prefetch: 5_000 } });
    expect(options.consumers.prefetch).toBe(5_000);
  });
});
