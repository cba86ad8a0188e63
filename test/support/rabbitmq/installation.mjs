import { existsSync, readdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { unpackDebianPackages } from './debian-packages.mjs';

/**
 * @typedef {object} Installation RabbitMQ's programs, wherever they are.
 * @property {string} home holds `sbin` (the scripts that RabbitMQ ships, not a distribution's wrappers) and `plugins`
 * @property {Record<string, string>} env what the scripts need to find Erlang
 * @property {string} source where it was found, for people
 */

/** @returns {Promise<Installation>} */
export async function findInstallation() {
  return findLocalInstallation() ?? (await unpackDebianPackages());
}

/** Scripts need `erl`; a directory with `rabbitmq-server` but no `rabbitmq-env` holds wrappers for a system service. */
export function findLocalInstallation() {
  const programs = programDirectories();
  if (!programs.some((directory) => existsSync(path.join(directory, 'erl')))) return undefined;
  const sbin = [...programs, ...rabbitDirectories()].find(
    (directory) =>
      existsSync(path.join(directory, 'rabbitmq-server')) && existsSync(path.join(directory, 'rabbitmq-env')),
  );
  if (!sbin) return undefined;
  const home = path.dirname(path.dirname(realpathSync(path.join(sbin, 'rabbitmq-server'))));
  return { home, env: { PATH: programs.join(path.delimiter) }, source: 'local binaries' };
}

function programDirectories() {
  const homebrew = ['/opt/homebrew/bin', '/opt/homebrew/opt/erlang/bin', '/usr/local/opt/erlang/bin'];
  return [...(process.env.PATH ?? '').split(path.delimiter), ...homebrew].filter(Boolean);
}

function rabbitDirectories() {
  const fixed = [
    '/usr/lib/rabbitmq/bin',
    '/opt/rabbitmq/sbin',
    '/opt/homebrew/opt/rabbitmq/sbin',
    '/usr/local/opt/rabbitmq/sbin',
  ];
  const versions = existsSync('/usr/lib/rabbitmq/lib') ? readdirSync('/usr/lib/rabbitmq/lib') : [];
  return [...fixed, ...versions.map((version) => `/usr/lib/rabbitmq/lib/${version}/sbin`)];
}
