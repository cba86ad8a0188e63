import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { unpackDebianPackage } from '../support/debian-packages.mjs';

/** A local one, else that of Debian's package, unpacked into the cache; `undefined` where there is neither. */
export async function findPromtool(): Promise<string | undefined> {
  if (!spawnSync('promtool', ['--version']).error) return 'promtool';
  const wish = { package: 'prometheus', name: 'prometheus', announcement: 'promtool' };
  const unpacked = await unpackDebianPackage(wish).catch(() => undefined);
  const program = unpacked && path.join(unpacked, 'usr/bin/promtool');
  return program && !spawnSync(program, ['--version']).error ? program : undefined;
}

/** Runs it with a file of YAML after the arguments. Returns what it complains of; '' when it is content. */
export function complaintsOf(promtool: string, args: readonly string[], file: unknown): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'promtool-'));
  try {
    const name = path.join(folder, 'input.yml');
    writeFileSync(name, stringify(file));
    const { status, stdout, stderr } = spawnSync(promtool, [...args, name], { encoding: 'utf8' });
    return status === 0 ? '' : stdout + stderr;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
