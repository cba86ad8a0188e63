import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError } from './usage-error.js';

/**
 * What a file of the application exports, be it an ES module or CommonJS.
 * @throws {UsageError} when it cannot be loaded, saying what it was to be
 */
export async function loadFile(file: string, what: string, flag: string): Promise<Record<string, unknown>> {
  try {
    const absolute = path.resolve(file);
    return (await import(pathToFileURL(absolute).href)) as Record<string, unknown>;
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    const hint = code === 'ERR_UNKNOWN_FILE_EXTENSION' ? loaderHint(file, flag) : '';
    throw new UsageError(`${what} cannot be loaded: ${message}${hint}`, { cause: error });
  }
}

const loaderHint = (file: string, flag: string): string =>
  `\nGive Node your TypeScript loader, for example NODE_OPTIONS='--import tsx' npx outbox … ${flag} ${path.relative('', file)}, or name the compiled file.`;

/** A module of CommonJS is the default of what `import()` yields. */
export function defaultOf(exported: Record<string, unknown>): Record<string, unknown> {
  const inner = exported['default'];
  return typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : {};
}
