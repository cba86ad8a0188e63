import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { cacheDirectory } from './paths.mjs';

const exec = promisify(execFile);

/**
 * A package of Debian with those of its dependencies that are wanted, unpacked but not installed: no root, no service,
 * nothing outside the cache. Libraries that are installed are not fetched.
 *
 * @param {object} wish
 * @param {string} wish.package such as `rabbitmq-server`
 * @param {string} wish.name how its folder in the cache begins
 * @param {string} wish.announcement what is said while it is fetched
 * @param {(name: string) => boolean} [wish.isPart] which dependencies are wanted besides libraries
 * @returns {Promise<string>} the folder
 */
export async function unpackDebianPackage(wish) {
  const root = path.join(cacheDirectory, `${wish.name}-${await systemName()}`);
  if (!existsSync(root)) await fetchInto(root, wish);
  return root;
}

/** For `LD_LIBRARY_PATH`: where libraries are among the unpacked. */
export async function libraryPath(root) {
  const libraries = [];
  for (const directory of [`${root}/usr/lib`, `${root}/lib`]) {
    const names = await readdir(directory).catch(() => []);
    libraries.push(...names.filter((name) => name.includes('-linux-')).map((name) => `${directory}/${name}`));
  }
  return [...libraries, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
}

/** Packages fit the system they were made for, and a checkout can be seen by several (a container's mount). */
async function systemName() {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const id = /^ID="?([\w.-]+)/m.exec(release)?.[1];
  const version = /^VERSION_ID="?([\w.-]+)/m.exec(release)?.[1] ?? 'rolling';
  return `${id ?? process.platform}-${version}-${process.arch}`;
}

/** Made beside its place and renamed: whoever comes first wins, and half of it is never seen. */
async function fetchInto(root, wish) {
  await mkdir(cacheDirectory, { recursive: true });
  const work = await mkdtemp(path.join(cacheDirectory, 'unpacking-'));
  try {
    console.log(`Fetching ${wish.announcement} from the Debian mirror (once; nothing is installed).`);
    const files = await download(work, wish);
    const unpacked = path.join(work, 'root');
    for (const file of files) await exec('dpkg', ['-x', file, unpacked]);
    await rename(unpacked, root).catch(unlessThere);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** With the system's package lists, or, where they are missing or older than the mirror, with private ones. */
async function download(work, wish) {
  try {
    return await downloadWith([], path.join(work, 'first'), wish);
  } catch {
    const options = await privateAptOptions(work);
    await exec('apt-get', [...options, '-qq', 'update']);
    return downloadWith(options, path.join(work, 'second'), wish);
  }
}

async function downloadWith(options, directory, wish) {
  await mkdir(directory, { recursive: true });
  const packages = await packagesToFetch(options, wish);
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

/** The package, its parts, and the libraries among their dependencies that are not installed. */
async function packagesToFetch(options, { package: top, isPart = () => false }) {
  const dependencies = await dependencyGraph(options, top);
  const wanted = new Set();
  const isWanted = async (name) =>
    name === top || isPart(name) || (isLibrary(name) && !(await isInstalled(name)));
  const visit = async (name) => {
    if (wanted.has(name) || !(await isWanted(name))) return;
    wanted.add(name);
    for (const next of dependencies.get(name) ?? []) await visit(next);
  };
  await visit(top);
  return [...wanted];
}

/** Those of `libjs-…` are for browsers. */
const isLibrary = (name) => /^lib(?!js-)/.test(name);

async function isInstalled(name) {
  const status = await exec('dpkg-query', ['-W', '-f', '${db:Status-Status}', name]).catch(() => undefined);
  return status?.stdout === 'installed';
}

async function dependencyGraph(options, top) {
  const only = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'].map(
    (kind) => `--no-${kind}`,
  );
  const { stdout } = await exec('apt-cache', [...options, 'depends', '--recurse', ...only, top], {
    maxBuffer: 64 * 1024 * 1024,
  });
  const graph = new Map();
  let current;
  for (const line of stdout.split('\n')) {
    const dependency = /^ [ |](?:Pre)?Depends: ([^<\s]+)/.exec(line)?.[1];
    if (dependency) current?.push(dependency.replace(/:.*/, ''));
    else if (/^\S/.test(line)) graph.set(line.trim(), (current = []));
  }
  return graph;
}

function unlessThere(error) {
  if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
}
