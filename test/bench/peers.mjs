import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { whatIsMissing } from '../support/ensure-installed.mjs';
import { ModuleProcess } from '../support/module-process.mjs';

const FOLDER = new URL('peers/', import.meta.url);

/**
 * A script of peers/ in a process of its own, with the packages of peers/package.json: they are not the library's, and
 * are installed when they are first needed. Undefined when they cannot be.
 */
export function startPeer(name) {
  return installed() ? new ModuleProcess(new URL(`${name}.mjs`, FOLDER)) : undefined;
}

/** @type {boolean | undefined} */
let result;

function installed() {
  result ??= whatIsMissing(fileURLToPath(FOLDER)) === undefined || install();
  return result;
}

function install() {
  console.log('Installing the packages the benchmarks stand beside (test/bench/peers, once).');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: fileURLToPath(FOLDER),
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (status !== 0) console.warn('They cannot be installed: the table goes without them.');
  return status === 0;
}
