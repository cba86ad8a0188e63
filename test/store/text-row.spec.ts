import { describe, expect, test } from '@jest/globals';
import { TextRow } from '../../lib/store/postgres/text-row.js';

function rowOf(...fields: Array<string | null>): TextRow {
  const row = new TextRow();
  row.begin(fields);
  return row;
}

describe('a row in text format', () => {
  test('has numbers, exact up to 2^53', () => {
    const row = rowOf('9007199254740992', '-2147483648', '7', '0.1', '-Infinity');
    expect([row.int8(), row.int4(), row.int2(), row.float8(), row.float8()]).toEqual([
      2 ** 53,
      -(2 ** 31),
      7,
      0.1,
      -Infinity,
    ]);
  });

  test('has texts, truths and bytes', () => {
    const row = rowOf('größe', 'ascii', 'word', '', 't', 'f', '\\x00ff10', '\\x');
    expect([row.text(), row.ascii(), row.word(), row.text()]).toEqual(['größe', 'ascii', 'word', '']);
    expect([row.bool(), row.bool()]).toEqual([true, false]);
    expect([row.bytea(), row.bytea()]).toEqual([Buffer.from([0, 255, 16]), Buffer.alloc(0)]);
  });

  test('has nulls of every type', () => {
    const row = rowOf(null, null, null, null, null, null, null, null);
    expect([row.int8(), row.int4(), row.int2(), row.float8()]).toEqual([null, null, null, null]);
    expect([row.text(), row.word(), row.bool(), row.bytea()]).toEqual([null, null, null, null]);
    row.end();
  });

  test('that is not read to its end is an error', () => {
    const row = rowOf('1', '2');
    row.int4();
    expect(() => row.end()).toThrow('A row has 2 columns, of which 1 were read.');
  });
});
