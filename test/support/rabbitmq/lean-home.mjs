import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import path from 'node:path';

/**
 * A RabbitMQ home with only the Erlang applications that the broker and the named plugins need, as links. Erlang looks
 * for each of 1500 modules in every application's directory: with 20 instead of 70 of them a node starts in
 * 2.2 s instead of 3.6 s, and half of the processor time.
 *
 * @returns {Promise<string | undefined>} undefined when the applications are not plain directories (`.ez` archives)
 */
export async function makeLeanHome(home, plugins, directory) {
  const available = await applications(path.join(home, 'plugins'));
  const needed = new Set();
  const visit = async (name) => {
    if (needed.has(name) || !available.has(name)) return;
    needed.add(name);
    for (const next of await dependencies(available.get(name), name)) await visit(next);
  };
  for (const name of ['rabbit', 'rabbitmq_prelaunch', ...plugins]) await visit(name);
  if (!needed.has('rabbit') || !plugins.every((plugin) => needed.has(plugin))) return undefined;
  await mkdir(path.join(directory, 'plugins'), { recursive: true });
  for (const part of ['sbin', 'escript']) await symlink(path.join(home, part), path.join(directory, part));
  for (const name of needed) {
    const source = available.get(name);
    await symlink(source, path.join(directory, 'plugins', path.basename(source)));
  }
  return directory;
}

/** `ra-2.2.0` → `ra` */
async function applications(plugins) {
  const names = await readdir(plugins).catch(() => []);
  const unpacked = names.filter((name) => existsSync(path.join(plugins, name, 'ebin')));
  return new Map(unpacked.map((name) => [name.replace(/-\d.*$/, ''), path.join(plugins, name)]));
}

/** The `applications` of an `.app` file, an Erlang term: `{applications, [kernel, stdlib, ranch]}`. */
async function dependencies(directory, name) {
  const text = await readFile(path.join(directory, 'ebin', `${name}.app`), 'utf8');
  const lists = [...text.matchAll(/\{\s*(?:included_|optional_)?applications\s*,\s*\[([^\]]*)\]/g)];
  return lists.flatMap(([, list]) => list.split(',').map((item) => item.trim().replaceAll("'", '')));
}
