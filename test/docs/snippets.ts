import { copyFileSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { anchorOf, blocksOf, repository, type Block, type Document } from './documents.js';

/** What the `ts` blocks of one section come to: one module, beside those of the other sections and `shop.ts`. */
export interface SnippetModule {
  readonly document: string;
  readonly section: string;
  /** Absolute path of the file that was written. */
  readonly file: string;
}

/** A folder for modules, inside the repository so that its packages are found, outside of what git and tools look at. */
export function snippetFolder(): string {
  const cache = path.join(repository, '.cache');
  mkdirSync(cache, { recursive: true });
  return mkdtempSync(path.join(cache, 'snippets-'));
}

/** Each line of code stands on its line of the document, so that a diagnostic's position is the document's. */
export function writeModules(
  document: Document,
  folder: string,
  edit = (code: string) => code,
): SnippetModule[] {
  const target = path.join(folder, document.file.replace(/\W/g, '-'));
  mkdirSync(target, { recursive: true });
  copyFileSync(path.join(repository, 'test/docs/shop.ts'), path.join(target, 'shop.ts'));
  const blocks = blocksOf(document).filter(({ language }) => language === 'ts');
  return [...new Set(blocks.map(({ section }) => section))].map((section) => {
    const file = path.join(target, `${anchorOf(section)}.ts`);
    writeFileSync(file, edit(inPlace(blocks.filter((block) => block.section === section))));
    return { document: document.file, section, file };
  });
}

function inPlace(blocks: readonly Block[]): string {
  const lines: string[] = [];
  for (const { line, code } of blocks)
    code.split('\n').forEach((text, index) => (lines[line - 1 + index] = text));
  return `${Array.from(lines, (text) => text ?? '').join('\n')}\n`;
}
