import type { Io } from './io.js';

/** Prints an answer: one JSON value with `--json`, else what people read. */
export function answer(
  io: Io,
  { json }: { readonly json?: boolean },
  value: unknown,
  text: () => string,
): void {
  io.out(json ? `${JSON.stringify(value, null, io.live ? 2 : undefined)}\n` : ended(text()));
}

const ended = (text: string) => (text === '' || text.endsWith('\n') ? text : `${text}\n`);

export type Cell = string | number | null | undefined;

/** Columns under their titles, as wide as their widest cell; numbers to the right. */
export function table(titles: readonly string[], rows: ReadonlyArray<readonly Cell[]>): string {
  const cells = rows.map((row) => row.map(shown));
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...cells.map((row) => (row[column] ?? '').length)),
  );
  const numeric = titles.map((_, column) =>
    rows.every((row) => row[column] === null || typeof row[column] === 'number'),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        numeric[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [line(titles), ...cells.map(line)].join('\n');
}

/** One fact a line, its name before it. */
export function facts(pairs: ReadonlyArray<readonly [name: string, value: Cell]>): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${shown(value)}`.trimEnd()).join('\n');
}

/** One line, and nothing a terminal would obey: what is shown was written by others. */
const shown = (cell: Cell): string =>
  cell === null || cell === undefined || cell === '' ? '-' : plainLine(String(cell));

// eslint-disable-next-line no-control-regex
export const plainLine = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
