import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import * as library from 'nestjs-rabbitmq-outbox';
import { describeValue } from '../../lib/errors/describe-value.js';

const folder = fileURLToPath(new URL('../../lib/errors', import.meta.url));
const files = readdirSync(folder).filter((file) => file.endsWith('.error.ts') && file !== 'outbox.error.ts');

type ErrorClass = new (...parameters: never[]) => library.OutboxError;

const classNameOf = (file: string) =>
  path
    .basename(file, '.error.ts')
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('') + 'Error';

const exported = library as unknown as Readonly<Record<string, ErrorClass | undefined>>;

describe('errors', () => {
  test.each(files)('%s holds one class, exported, with a stable code made of its name', (file) => {
    const name = classNameOf(file);
    const source = readFileSync(path.join(folder, file), 'utf8');
    expect(exported[name]?.prototype).toBeInstanceOf(library.OutboxError);
    expect(source).toContain(`class ${name} extends OutboxError`);
    const code = name
      .replace(/Error$/, '')
      .replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`)
      .toUpperCase();
    expect(source).toContain(`readonly code = 'OUTBOX_${code}'`);
  });

  test('have codes of their own', () => {
    const codes = files.map(
      (file) => /code = '(\w+)'/.exec(readFileSync(path.join(folder, file), 'utf8'))?.[1],
    );
    expect(new Set(codes).size).toBe(files.length);
  });

  test('carry name, code, message and cause, and are Errors', () => {
    const cause = new TypeError('circular');
    const error = new library.UnserializablePayloadError('order.placed', 'circular', { cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(library.OutboxError);
    expect(error).toMatchObject({
      name: 'UnserializablePayloadError',
      code: 'OUTBOX_UNSERIALIZABLE_PAYLOAD',
      message: 'Cannot emit "order.placed": its payload cannot be encoded: circular.',
      cause,
    });
    expect(error.stack).toContain('errors.spec');
  });

  test('keep what a program decides by as data', () => {
    const mismatch = {
      kind: 'queue',
      name: 'orders',
      argument: 'x-message-ttl',
      declared: '5000',
      actual: '1000',
    } as const;
    const problems = ['relay.batchSize must be an integer'];
    expect(new library.TopologyMismatchError(mismatch).mismatch).toEqual(mismatch);
    expect(new library.TopologyMissingError(['queue "orders"']).missing).toEqual(['queue "orders"']);
    expect(new library.InvalidOptionError(problems).problems).toEqual(problems);
    expect(new library.ChannelLostError('gone', true).byBroker).toBe(true);
  });
});

describe('a value in an error message', () => {
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  class Money {}

  test.each<[unknown, string]>([
    [undefined, 'undefined'],
    [null, 'null'],
    ['text', '"text"'],
    ['line\nbreak', '"line\\nbreak"'],
    ['x'.repeat(200), `"${'x'.repeat(77)}…"`],
    [0, '0'],
    [-0, '0'],
    [Number.NaN, 'NaN'],
    [5n, '5n'],
    [true, 'true'],
    [Symbol('s'), 'Symbol(s)'],
    [() => 1, 'a function'],
    [{ a: 1 }, '{"a":1}'],
    [[1, 'b'], '[1,"b"]'],
    [{ list: Array(100).fill(0) }, `${JSON.stringify({ list: Array(100).fill(0) }).slice(0, 77)}…`],
    [{ big: 5n }, 'an Object'],
    [circular, 'an Object'],
    [new Money(), 'a Money'],
    [Buffer.from('x'), 'a Buffer'],
    [new Map(), 'a Map'],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [new Date(Number.NaN), 'an invalid Date'],
    [Object.create(null), 'an object'],
    [{ constructor: null }, 'an object'],
  ])('%p is shown as %s', (value, shown) => {
    expect(describeValue(value)).toBe(shown);
  });
});
