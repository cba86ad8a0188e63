import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { libraryPath, unpackDebianPackage } from '../debian-packages.mjs';

const OTHER_WAYS =
  'Tests need a RabbitMQ. Ways to give them one: set RABBITMQ_URL; start Docker (a service "rabbitmq" is in ' +
  'docker-compose.yml); install RabbitMQ (apt, brew, …); or be on Debian or Ubuntu, where its packages are ' +
  'unpacked into .cache without root.';

/**
 * Debian's packages of RabbitMQ and Erlang, unpacked but not installed.
 * @returns {Promise<import('./installation.mjs').Installation>}
 */
export async function unpackDebianPackages() {
  const root = await unpack();
  await setErlangRoot(root);
  return { home: await rabbitHome(root), env: await environment(root), source: 'unpacked Debian packages' };
}

async function unpack() {
  try {
    return await unpackDebianPackage({
      package: 'rabbitmq-server',
      name: 'rabbitmq',
      announcement: 'RabbitMQ and Erlang (about 35 MB)',
      isPart: (name) => name.startsWith('erlang-'),
    });
  } catch (cause) {
    throw new Error(`RabbitMQ's Debian packages cannot be fetched: ${cause.message}\n${OTHER_WAYS}`, {
      cause,
    });
  }
}

/** Debian's `erl` has its root written into it, and ignores ERL_ROOTDIR. Written again each time: checkouts move. */
async function setErlangRoot(root) {
  const erlang = path.join(root, 'usr/lib/erlang');
  const script = path.join(erlang, 'bin/erl');
  const text = await readFile(script, 'utf8');
  const moved = text.replace(/^(\s*ROOTDIR=)(?!"?\$).*$/gm, `$1'${erlang}'`);
  if (moved !== text) await writeFile(script, moved);
}

async function rabbitHome(root) {
  const [version] = await readdir(path.join(root, 'usr/lib/rabbitmq/lib'));
  return path.join(root, 'usr/lib/rabbitmq/lib', version);
}

async function environment(root) {
  return {
    PATH: [`${root}/usr/lib/erlang/bin`, `${root}/usr/bin`, process.env.PATH].join(':'),
    LD_LIBRARY_PATH: await libraryPath(root),
  };
}
