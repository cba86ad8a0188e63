import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** A directory with `initdb` and `postgres`: in the PATH, or where packages put them, there the newest version. */
export function findLocalBinaries() {
  return candidates().find((directory) =>
    ['initdb', 'postgres'].every((program) => existsSync(path.join(directory, program))),
  );
}

function candidates() {
  return [
    ...(process.env.PATH ?? '').split(path.delimiter).filter(Boolean),
    ...versionsIn('/usr/lib/postgresql', /^\d/),
    ...versionsIn('/usr', /^pgsql-\d/),
    ...versionsIn('/opt/homebrew/opt', /^postgresql/),
    ...versionsIn('/usr/local/opt', /^postgresql/),
    ...versionsIn('/Applications/Postgres.app/Contents/Versions', /^\d/),
  ];
}

function versionsIn(directory, pattern) {
  if (!existsSync(directory)) return [];
  const names = readdirSync(directory).filter((name) => pattern.test(name));
  const version = (name) => Number(/\d+(\.\d+)?/.exec(name)?.[0] ?? Infinity);
  return names.sort((a, b) => version(b) - version(a)).map((name) => path.join(directory, name, 'bin'));
}
