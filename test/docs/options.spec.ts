import { readEnvironment, environmentVariables } from '../../lib/options/environment.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import { resolveInbox } from '../../lib/options/inbox.js';
import { resolveRetry } from '../../lib/options/retry.js';
import { optionsSchema } from '../../lib/options/schema.js';
import { milliseconds } from '../../lib/policy/duration.js';
import { readDocument, tableOf } from './documents.js';

interface Row {
  option: string;
  variable: string | undefined;
  default: string;
}

const code = (cell = '') => /^`([^`]*)`$/.exec(cell)?.[1];

const rows: Row[] = tableOf(readDocument('README.md'), 'Option', 'Variable', 'Default', 'Effect').map(
  ([option, variable, byDefault = '']) => ({
    option: code(option) ?? '',
    variable: code(variable),
    default: byDefault,
  }),
);

describe('the configuration table of the README', () => {
  test('has every option, and no other', () => {
    expect(rows.map(({ option }) => option).sort()).toEqual(leavesOf(optionsSchema).sort());
  });

  test('has every environment variable beside its option', () => {
    const all = Object.fromEntries(environmentVariables().map((name) => [name, 'x']));
    const paths = readEnvironment(all).map(({ variable, path }) => [path.join('.'), variable]);
    const documented = rows.flatMap(({ option, variable }) => (variable ? [[option, variable]] : []));
    expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(paths));
  });

  const defaults = resolveOptions({ service: 'shop' }, {});

  test.each(rows.filter(({ default: cell }) => code(cell)))('has the default of $option', (row) => {
    const resolved = row.option.split('.').reduce<unknown>((at, key) => (at as never)[key], defaults);
    expect(asResolved(row.option, code(row.default) ?? '')).toEqual(resolved);
  });

  test('has in words what is no literal', () => {
    const words = rows.filter(({ default: cell }) => !code(cell)).map((row) => [row.option, row.default]);
    expect(Object.fromEntries(words)).toEqual({
      service: 'required',
      'storage.migrate': '`true` unless `NODE_ENV` is `production`',
      ...Object.fromEntries(
        [
          'archive',
          'rabbitmq.alternateExchange',
          'rabbitmq.connection.socket',
          'storage.schema',
          'emit.expiration',
          'consumers.timeout',
        ].map((option) => [option, 'none']),
      ),
    });
    const { storage, emit, consumers } = defaults;
    expect([storage.schema, emit.expiration, consumers.timeout]).toEqual([undefined, undefined, undefined]);
    const { connection, alternateExchange } = defaults.rabbitmq;
    expect([connection.socket, alternateExchange, defaults.archive]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

/** `'1s'` and the like as the options resolve them. */
function asResolved(option: string, literal: string): unknown {
  const value: unknown = JSON.parse(literal.replaceAll("'", '"'));
  if (option === 'consumers.retry') return resolveRetry(value as string[]);
  if (option === 'consumers.inbox') return resolveInbox(value as boolean);
  if (option === 'rabbitmq.url') return [value];
  return typeof value === 'string' && /^\d/.test(value) ? milliseconds(value) : value;
}

interface Schema {
  shape?: Record<string, Schema>;
  def: { innerType?: Schema };
}

/** Paths of all options, through defaults and nested objects. */
function leavesOf(schema: unknown, path: string[] = []): string[] {
  const { shape, def } = schema as Schema;
  if (shape) return Object.entries(shape).flatMap(([key, inner]) => leavesOf(inner, [...path, key]));
  return def.innerType ? leavesOf(def.innerType, path) : [path.join('.')];
}
