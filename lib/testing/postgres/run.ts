import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Account } from './account.js';

const exec = promisify(execFile);

/** Where and as whom PostgreSQL's programs run. */
export interface Surroundings {
  account: Account | undefined;
  cwd: string;
}

/** Runs one of PostgreSQL's programs to its end and gives its standard output. */
export async function run(program: string, args: string[], surroundings: Surroundings): Promise<string> {
  const { stdout } = await exec(program, args, spawnOptions(surroundings));
  return stdout;
}

export function spawnOptions({ account, cwd }: Surroundings) {
  return { cwd, env: plainEnvironment(), ...(account && { uid: account.uid, gid: account.gid }) };
}

/** The caller's PGDATA, PGPORT, PGOPTIONS… are meant for another server, and what ours says must be in English. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('PG') && !name.startsWith('LC_'),
  );
  return { ...Object.fromEntries(kept), LC_ALL: 'C' };
}
