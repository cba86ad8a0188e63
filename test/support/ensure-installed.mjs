// What `npm test` and `npm start` run first. Nothing may be installed yet: Node's own modules only.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** Why node_modules must be made anew, or undefined. npm keeps a copy of the lockfile with what it has installed. */
export function whatIsMissing(root) {
  const installed = readJson(path.join(root, 'node_modules/.package-lock.json'));
  if (!installed) return 'node_modules is missing';
  const wanted = readJson(path.join(root, 'package-lock.json'));
  for (const [location, { version, optional, link }] of Object.entries(wanted?.packages ?? {})) {
    if (location === '' || link) continue;
    const found = installed.packages[location]?.version;
    // Optional packages are often for another platform. But one that is there must be the right one.
    if (found === version || (optional && found === undefined)) continue;
    return `${location} is ${found ?? 'missing'}, package-lock.json has ${version}`;
  }
  return undefined;
}

function readJson(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

function install(reason) {
  const command = existsSync(path.join(repository, 'package-lock.json')) ? 'ci' : 'install';
  console.log(`Running npm ${command}: ${reason}.`);
  const { status, error } = spawnSync('npm', [command], {
    cwd: repository,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (error) console.error(`npm cannot be run: ${error.message}`);
  process.exitCode = status ?? 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const reason = whatIsMissing(repository);
  if (reason) install(reason);
}
