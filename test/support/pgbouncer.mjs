import { existsSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePorts } from '../../dist/lib/testing/private-server/free-ports.js';
import { ServerProcess } from '../../dist/lib/testing/private-server/server-process.js';
import { Watchdog } from '../../dist/lib/testing/private-server/watchdog.js';
import { giveTo, serverAccount } from '../../dist/lib/testing/postgres/account.js';
import { libraryPath, unpackDebianPackage } from './debian-packages.mjs';

const OTHER_WAYS =
  'Tests need a PgBouncer. Install it (apt, brew, …), or be on Debian or Ubuntu, where its package is unpacked into .cache.';

/** A private PgBouncer in front of a server, pooling by transaction. It ends with this process, however that ends. */
export async function startPgBouncer(databaseUrl, { poolSize = 20 } = {}) {
  const directory = await mkdtemp(path.join(tmpdir(), 'outbox-pgbouncer-'));
  const watchdog = new Watchdog({ signal: 'SIGKILL', directories: [directory] });
  try {
    const [port] = await freePorts(1);
    const command = await prepare(directory, configuration(new URL(databaseUrl), port, poolSize));
    const server = new ServerProcess(command, watchdog.leash);
    watchdog.guard(server.pid);
    const failure = await server.ready();
    if (failure) throw new Error(`PgBouncer did not start: ${failure}`);
    const close = async () => {
      await server.end('SIGKILL');
      await remove(directory, watchdog);
    };
    return { url: urlBehind(databaseUrl, port), log: server.log, close };
  } catch (error) {
    await remove(directory, watchdog);
    throw error;
  }
}

async function remove(directory, watchdog) {
  await rm(directory, { recursive: true, force: true });
  watchdog.dismiss();
}

/** It refuses to run as root, as PostgreSQL does. */
async function prepare(directory, config) {
  const account = serverAccount(directory);
  const { program, env } = findLocalProgram() ?? (await unpackInto(path.join(directory, 'unpacked')));
  const file = path.join(directory, 'pgbouncer.ini');
  await writeFile(file, config, { mode: 0o600 });
  await giveTo(account, directory);
  const options = { cwd: directory, env: { ...process.env, ...env }, uid: account?.uid, gid: account?.gid };
  return { program, args: [file], options, readyText: 'process up' };
}

function urlBehind(databaseUrl, port) {
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${port}`;
  return url.href;
}

/** Every database of the server. Clients are let in without a password: it listens on the loopback address only. */
function configuration(url, port, poolSize) {
  const user = decodeURIComponent(url.username);
  const password = decodeURIComponent(url.password);
  return `[databases]
* = host=${url.hostname} port=${url.port || 5432} user='${user}'${password && ` password='${password}'`}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${poolSize}
max_client_conn = 500
`;
}

function findLocalProgram() {
  const directories = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin', '/opt/homebrew/bin'];
  const programs = directories.filter(Boolean).map((directory) => path.join(directory, 'pgbouncer'));
  const program = programs.find((file) => existsSync(file));
  return program && { program, env: {} };
}

/** Copied, for the account it runs as need not be able to read the cache. */
async function unpackInto(directory) {
  try {
    const wish = { package: 'pgbouncer', name: 'pgbouncer', announcement: 'PgBouncer' };
    await cp(await unpackDebianPackage(wish), directory, { recursive: true });
  } catch (cause) {
    throw new Error(`PgBouncer's Debian package cannot be fetched: ${cause.message}\n${OTHER_WAYS}`, {
      cause,
    });
  }
  const env = { LD_LIBRARY_PATH: await libraryPath(directory) };
  return { program: path.join(directory, 'usr/sbin/pgbouncer'), env };
}
