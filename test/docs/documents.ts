import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = fileURLToPath(new URL('../..', import.meta.url));

/** A Markdown file. */
export interface Document {
  /** Path from the root of the repository, with slashes. */
  readonly file: string;
  readonly lines: readonly string[];
}

/** A fenced block. */
export interface Block {
  readonly document: string;
  readonly language: string;
  /** Title of the nearest heading above it. */
  readonly section: string;
  /** Of its first line of code, from 1. */
  readonly line: number;
  readonly code: string;
}

export function documents(): Document[] {
  const docs = readdirSync(path.join(repository, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file.split(path.sep).join('/')}`);
  return ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...docs.sort()].map(readDocument);
}

export function readDocument(file: string): Document {
  return { file, lines: readFileSync(path.join(repository, file), 'utf8').split('\n') };
}

const FENCE = /^\s*```(\w*)/;
const HEADING = /^#+ (.+)$/;
/** Code that belongs to the snippets of its section and that readers do not see. */
const HIDDEN = /^<!-- ts\b/;

/** The blocks of a document, in order. Hidden code counts as a block of language `ts`. */
export function blocksOf({ file, lines }: Document): Block[] {
  const blocks: Block[] = [];
  let section = '';
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    section = HEADING.exec(line)?.[1] ?? section;
    const language = HIDDEN.test(line) ? 'ts' : FENCE.exec(line)?.[1];
    if (language === undefined) continue;
    const inline = /^<!-- ts (.*)-->$/.exec(line)?.[1];
    const end = inline === undefined ? endOf(lines, at) : at;
    const code = inline ?? lines.slice(at + 1, end).join('\n');
    blocks.push({ document: file, language, section, line: inline === undefined ? at + 2 : at + 1, code });
    at = end;
  }
  return blocks;
}

function endOf(lines: readonly string[], start: number): number {
  const closing = HIDDEN.test(lines[start] ?? '') ? /^-->$/ : /^\s*```\s*$/;
  const end = lines.findIndex((line, index) => index > start && closing.test(line));
  if (end < 0) throw new Error(`Line ${start + 1} opens a block that is never closed.`);
  return end;
}

export const headingsOf = ({ lines }: Document): string[] =>
  lines.flatMap((line) => HEADING.exec(line)?.[1] ?? []);

/** The anchor GitHub gives a heading. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');

/** The rows of the table whose header begins with these cells, without the header, each as its cells. */
export function tableOf({ file, lines }: Document, ...header: string[]): string[][] {
  const start = lines.findIndex((line) => header.every((cell, index) => cellsOf(line)[index] === cell));
  if (start < 0) throw new Error(`${file} has no table with the columns ${header.join(', ')}.`);
  const rows = lines.slice(start + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(0, end).map(cellsOf);
}

const cellsOf = (line: string): string[] =>
  line.startsWith('|')
    ? line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim())
    : [];
