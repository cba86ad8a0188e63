import type { Build, Row } from './row.js';

/** The beginning of every binary COPY (https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"). */
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
/** In place of the number of columns: there are no more rows. */
const TRAILER = -1;
const NULL = -1;

/**
 * Memory for the bytes of rows, taken in large pieces: one piece for each row's would cost more than the row. Less than what
 * allocators fetch from the system anew each time (128 KiB and more), every page of which the kernel has to clear.
 */
const SLAB = 64 * 1024;

/**
 * Reads the rows of a binary COPY. Against rows as text this saves both sides the hexadecimal of every payload, and the
 * relay a string of twice its size, which is most of what reading costs.
 */
export class CopyRows<T> {
  private readonly row = new CopyRow();
  private rest: Buffer | undefined;
  private isBegun = false;
  readonly rows: T[] = [];

  constructor(private readonly build: Build<T>) {}

  /** What has come in one message. The server sends a row in each, but does not promise to. */
  add(message: Buffer): void {
    const bytes = this.rest ? Buffer.concat([this.rest, message]) : message;
    const { row } = this;
    row.begin(bytes);
    if (!this.isBegun && !this.header(bytes)) return;
    for (;;) {
      const start = row.at;
      if (!row.isWhole()) return this.keep(bytes, start);
      const columns = row.columns();
      if (columns === TRAILER) return this.keep(bytes, bytes.length);
      this.rows.push(this.build(row));
      row.end(columns);
    }
  }

  /** @returns whether it is complete */
  private header(bytes: Buffer): boolean {
    const size = SIGNATURE.length + 8;
    if (bytes.length < size) {
      this.keep(bytes, 0);
      return false;
    }
    if (SIGNATURE.compare(bytes, 0, SIGNATURE.length) !== 0)
      throw new Error('The database has answered a COPY with something that is not one.');
    this.isBegun = true;
    this.row.at = size + bytes.readInt32BE(SIGNATURE.length + 4);
    return true;
  }

  /** The driver uses its memory again, so what is kept must be a copy. */
  private keep(bytes: Buffer, from: number): void {
    this.rest = from < bytes.length ? Buffer.from(bytes.subarray(from)) : undefined;
  }
}

/** One row of a binary COPY after the other. */
export class CopyRow implements Row {
  at = 0;
  private bytes: Buffer = Buffer.alloc(0);
  private read = 0;
  private slab: Buffer = Buffer.alloc(0);
  private slabAt = 0;
  /** Of each column, the last word and its bytes. */
  private readonly words: Array<{ readonly text: string; readonly bytes: Buffer } | undefined> = [];

  begin(bytes: Buffer): void {
    this.bytes = bytes;
    this.at = 0;
  }

  /** Whether all of the row that begins here has come, or the trailer. */
  isWhole(): boolean {
    const { bytes } = this;
    let at = this.at + 2;
    if (at > bytes.length) return false;
    const columns = bytes.readInt16BE(this.at);
    for (let column = 0; column < columns; column++) {
      if (at + 4 > bytes.length) return false;
      const size = bytes.readInt32BE(at);
      at += 4 + (size === NULL ? 0 : size);
    }
    return at <= bytes.length;
  }

  columns(): number {
    const columns = this.bytes.readInt16BE(this.at);
    this.at += 2;
    this.read = 0;
    return columns;
  }

  end(columns: number): void {
    if (this.read !== columns)
      throw new Error(`A row has ${columns} columns, of which ${this.read} were read.`);
  }

  int8(): number | null {
    const at = this.column();
    return at === NULL ? null : this.int8At(at);
  }

  int4(): number | null {
    const at = this.column();
    return at === NULL ? null : this.bytes.readInt32BE(at);
  }

  int2(): number | null {
    const at = this.column();
    return at === NULL ? null : this.bytes.readInt16BE(at);
  }

  bool(): boolean | null {
    const at = this.column();
    return at === NULL ? null : this.bytes[at] === 1;
  }

  float8(): number | null {
    const at = this.column();
    return at === NULL ? null : this.bytes.readDoubleBE(at);
  }

  text(): string | null {
    const at = this.column();
    return at === NULL ? null : this.bytes.toString('utf8', at, this.at);
  }

  ascii(): string | null {
    const at = this.column();
    return at === NULL ? null : this.bytes.toString('latin1', at, this.at);
  }

  word(): string | null {
    const column = this.read;
    const at = this.column();
    if (at === NULL) return null;
    const known = this.words[column];
    if (known && this.isSame(known.bytes, at)) return known.text;
    const bytes = Buffer.from(this.bytes.subarray(at, this.at));
    const text = bytes.toString('utf8');
    this.words[column] = { text, bytes };
    return text;
  }

  /** A copy: the driver uses its memory again. */
  bytea(): Buffer | null {
    const at = this.column();
    if (at === NULL) return null;
    const size = this.at - at;
    if (size > SLAB / 4) return Buffer.from(this.bytes.subarray(at, this.at));
    if (this.slabAt + size > this.slab.length) {
      this.slab = Buffer.allocUnsafeSlow(SLAB);
      this.slabAt = 0;
    }
    const from = this.slabAt;
    this.slabAt += size;
    this.bytes.copy(this.slab, from, at, this.at);
    return this.slab.subarray(from, this.slabAt);
  }

  /** Goes past the next column. Yields where it begins; it ends at `at`. */
  private column(): number {
    const size = this.bytes.readInt32BE(this.at);
    this.read++;
    this.at += 4;
    if (size === NULL) return NULL;
    const start = this.at;
    this.at += size;
    return start;
  }

  private int8At(at: number): number {
    return this.bytes.readInt32BE(at) * 2 ** 32 + this.bytes.readUInt32BE(at + 4);
  }

  private isSame(word: Buffer, at: number): boolean {
    if (word.length !== this.at - at) return false;
    for (let i = 0; i < word.length; i++) if (word[i] !== this.bytes[at + i]) return false;
    return true;
  }
}
