import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { cacheDirectory } from '../paths.mjs';

const exec = promisify(execFile);

const OTHER_WAYS =
  'Tests need a RabbitMQ. Ways to give them one: set RABBITMQ_URL; start Docker (a service "rabbitmq" is in ' +
  'docker-compose.yml); install RabbitMQ (apt, brew, …); or be on Debian or Ubuntu, where its packages are ' +
  'unpacked into .cache without root.';

/**
 * Debian's packages of RabbitMQ and Erlang, unpacked but not installed: no root, no service, nothing outside the cache.
 * @returns {Promise<import('./installation.mjs').Installation>}
 */
export async function unpackDebianPackages() {
  const root = path.join(cacheDirectory, `rabbitmq-${await systemName()}`);
  if (!existsSync(root)) await fetchInto(root);
  await setErlangRoot(root);
  return { home: await rabbitHome(root), env: await environment(root), source: 'unpacked Debian packages' };
}

/** Packages fit the system they were made for, and a checkout can be seen by several (a container's mount). */
async function systemName() {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const id = /^ID="?([\w.-]+)/m.exec(release)?.[1];
  const version = /^VERSION_ID="?([\w.-]+)/m.exec(release)?.[1] ?? 'rolling';
  return `${id ?? process.platform}-${version}-${process.arch}`;
}

/** Made beside its place and renamed: whoever comes first wins, and half of it is never seen. */
async function fetchInto(root) {
  await mkdir(cacheDirectory, { recursive: true });
  const work = await mkdtemp(path.join(cacheDirectory, 'unpacking-'));
  try {
    console.log(
      'Fetching RabbitMQ and Erlang from the Debian mirror (about 35 MB, once; nothing is installed).',
    );
    const files = await download(work);
    const unpacked = path.join(work, 'root');
    for (const file of files) await exec('dpkg', ['-x', file, unpacked]);
    await rename(unpacked, root).catch(unlessThere);
  } catch (cause) {
    throw new Error(`RabbitMQ's Debian packages cannot be fetched: ${cause.message}\n${OTHER_WAYS}`, {
      cause,
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** With the system's package lists, or, where they are missing or older than the mirror, with private ones. */
async function download(work) {
  try {
    return await downloadWith([], path.join(work, 'first'));
  } catch {
    const options = await privateAptOptions(work);
    await exec('apt-get', [...options, '-qq', 'update']);
    return downloadWith(options, path.join(work, 'second'));
  }
}

async function downloadWith(options, directory) {
  await mkdir(directory, { recursive: true });
  const packages = await packagesToFetch(options);
  await exec('apt-get', [...options, '-o', 'APT::Sandbox::User=root', '-qq', 'download', ...packages], {
    cwd: directory,
  });
  const files = await readdir(directory);
  return files.filter((file) => file.endsWith('.deb')).map((file) => path.join(directory, file));
}

async function privateAptOptions(work) {
  const apt = path.join(work, 'apt');
  await mkdir(path.join(apt, 'state/lists/partial'), { recursive: true });
  await mkdir(path.join(apt, 'cache/archives/partial'), { recursive: true });
  return ['-o', `Dir::State=${apt}/state`, '-o', `Dir::Cache=${apt}/cache`, '-o', 'APT::Sandbox::User=root'];
}

/** RabbitMQ, all of Erlang that it depends on, and the libraries among their dependencies that are not installed. */
async function packagesToFetch(options) {
  const dependencies = await dependencyGraph(options);
  const wanted = new Set();
  const visit = async (name) => {
    if (wanted.has(name) || !(await isWanted(name))) return;
    wanted.add(name);
    for (const next of dependencies.get(name) ?? []) await visit(next);
  };
  await visit('rabbitmq-server');
  return [...wanted];
}

async function isWanted(name) {
  if (/^(erlang-|rabbitmq-server$)/.test(name)) return true;
  return name.startsWith('lib') && !(await isInstalled(name));
}

async function isInstalled(name) {
  const status = await exec('dpkg-query', ['-W', '-f', '${db:Status-Status}', name]).catch(() => undefined);
  return status?.stdout === 'installed';
}

async function dependencyGraph(options) {
  const only = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'].map(
    (kind) => `--no-${kind}`,
  );
  const { stdout } = await exec(
    'apt-cache',
    [...options, 'depends', '--recurse', ...only, 'rabbitmq-server'],
    {
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  const graph = new Map();
  let current;
  for (const line of stdout.split('\n')) {
    const dependency = /^ [ |](?:Pre)?Depends: ([^<\s]+)/.exec(line)?.[1];
    if (dependency) current?.push(dependency.replace(/:.*/, ''));
    else if (/^\S/.test(line)) graph.set(line.trim(), (current = []));
  }
  return graph;
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
  const libraries = [];
  for (const directory of [`${root}/usr/lib`, `${root}/lib`]) {
    const names = await readdir(directory).catch(() => []);
    libraries.push(...names.filter((name) => name.includes('-linux-')).map((name) => `${directory}/${name}`));
  }
  return {
    PATH: [`${root}/usr/lib/erlang/bin`, `${root}/usr/bin`, process.env.PATH].join(':'),
    LD_LIBRARY_PATH: [...libraries, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':'),
  };
}

function unlessThere(error) {
  if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
}
