import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CopyRows } from '../../lib/store/postgres/copy-rows.js';
import type { Row } from '../../lib/store/postgres/row.js';

const HEADER = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
const TRAILER = Buffer.from([0xff, 0xff]);

type Column = Buffer | null;

function row(...columns: Column[]): Buffer {
  const count = Buffer.alloc(2);
  count.writeInt16BE(columns.length);
  return Buffer.concat([count, ...columns.map(column)]);
}

function column(bytes: Column): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32BE(bytes?.length ?? -1);
  return bytes ? Buffer.concat([size, bytes]) : size;
}

function int8(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

/** All rows of messages that are cut at these places. */
function readIn<T>(cuts: readonly number[], build: (row: Row) => T, ...rows: Buffer[]): T[] {
  const all = Buffer.concat([HEADER, ...rows, TRAILER]);
  const copy = new CopyRows(build);
  const ends = [...cuts.map((cut) => cut % all.length), all.length].sort((a, b) => a - b);
  let from = 0;
  for (const end of ends) {
    const message = Buffer.from(all.subarray(from, end));
    copy.add(message);
    // As the driver does: it uses the memory of a message again.
    message.fill(0xaa);
    from = end;
  }
  return copy.rows;
}

const read = <T>(build: (row: Row) => T, ...rows: Buffer[]) => readIn([], build, ...rows);

describe('rows of a binary COPY', () => {
  test('are the same, however the messages are cut', () => {
    const value = fc.option(fc.uint8Array({ maxLength: 50_000 }).map((bytes) => Buffer.from(bytes)));
    const rows = fc.array(fc.tuple(value, value), { maxLength: 8 });
    fc.assert(
      fc.property(rows, fc.array(fc.nat(), { maxLength: 12 }), (given, cuts) => {
        const built = readIn(
          cuts,
          (each) => [each.bytea(), each.bytea()],
          ...given.map((each) => row(...each)),
        );
        expect(built).toEqual(given);
      }),
      { numRuns: 50 },
    );
  });

  test('of numbers are exact up to 2^53, and below zero', () => {
    const values = [0n, 1n, -1n, 2n ** 32n, 2n ** 53n, -(2n ** 53n), 4_294_967_295n];
    const numbers = read((each) => each.int8(), ...values.map((value) => row(int8(value))));
    expect(numbers).toEqual(values.map(Number));
  });

  test('of words tell another word from the one before, of another length too, and null', () => {
    const words = ['user.created', 'user.created', 'user.renamed', 'user', null, 'user', 'größe'];
    const rows = words.map((word) => row(word === null ? null : Buffer.from(word), null));
    expect(read((each) => [each.word(), each.word()], ...rows)).toEqual(words.map((word) => [word, null]));
  });

  test('without rows are none', () => {
    expect(read((each) => each.int8())).toEqual([]);
  });

  test('that are not read to their end are an error, and not the next row’s beginning', () => {
    expect(() => read((each) => each.bytea(), row(Buffer.alloc(1), Buffer.alloc(1)))).toThrow(
      'A row has 2 columns, of which 1 were read.',
    );
  });

  test('are not taken from something else', () => {
    const copy = new CopyRows((each) => each.int8());
    expect(() => copy.add(Buffer.from('1\thello, I am a COPY of text\n'))).toThrow('not one');
  });
});
