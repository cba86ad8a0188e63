import type { Row } from './row.js';

/** What the driver makes of a row in text format. */
export type Fields = ReadonlyArray<string | null>;

/** Between it and the bytes of a bytea in text format, where `bytea_output` is `hex`. */
const HEX_PREFIX = 2;

/** A row in text format, which the driver has taken apart. */
export class TextRow implements Row {
  private fields: Fields = [];
  private at = 0;

  begin(fields: Fields): void {
    this.fields = fields;
    this.at = 0;
  }

  end(): void {
    if (this.at !== this.fields.length)
      throw new Error(`A row has ${this.fields.length} columns, of which ${this.at} were read.`);
  }

  readonly int8 = (): number | null => this.number();
  readonly int4 = (): number | null => this.number();
  readonly int2 = (): number | null => this.number();
  readonly float8 = (): number | null => this.number();
  readonly ascii = (): string | null => this.text();
  readonly word = (): string | null => this.text();

  bool(): boolean | null {
    const text = this.text();
    return text === null ? null : text === 't';
  }

  text(): string | null {
    return this.fields[this.at++] ?? null;
  }

  bytea(): Buffer | null {
    const text = this.text();
    return text === null ? null : Buffer.from(text.slice(HEX_PREFIX), 'hex');
  }

  private number(): number | null {
    const text = this.text();
    return text === null ? null : Number(text);
  }
}
