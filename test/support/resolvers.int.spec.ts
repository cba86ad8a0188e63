import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { startComposeService } from './docker.mjs';
import globalSetup from './global-setup.mjs';
import { resolvePostgres, startPostgres } from './postgres.mjs';
import { resolveRabbitMq, startRabbitMq } from './rabbitmq.mjs';
import { drain, publishDurably, query } from './servers.fixtures.js';
import { createTestSchema, databaseUrl, deleteTopology, rabbitUrl, uniquePrefix } from './services.js';

const directories: string[] = [];

describe('finding the servers of a run', () => {
  const { PATH } = process.env;
  afterEach(() => Object.assign(process.env, { DATABASE_URL: '', RABBITMQ_URL: '', PATH }));
  afterAll(() => Promise.all(directories.map((directory) => rm(directory, { recursive: true }))));

  it('works in a database of its own on the server in DATABASE_URL, and drops it with open connections', async () => {
    const server = await startPostgres();
    process.env.DATABASE_URL = server.url;
    const resolved = await resolvePostgres();
    expect(resolved).toMatchObject({ source: 'DATABASE_URL', version: server.version });
    expect(resolved.url).not.toBe(server.url);
    const client = new pg.Client(resolved.url);
    client.on('error', () => undefined);
    await client.connect();
    await resolved.close();
    expect(await testDatabases(server.url)).toEqual([]);
    await server.close();
  });

  it('takes the broker in RABBITMQ_URL and leaves it running', async () => {
    const node = await startRabbitMq();
    process.env.RABBITMQ_URL = node.url;
    const resolved = await resolveRabbitMq();
    expect(resolved).toMatchObject({ source: 'RABBITMQ_URL', url: node.url, version: node.version });
    await resolved.close();
    expect(node.running).toBe(true);
    await node.close();
  });

  it.each([
    ['DATABASE_URL', 'postgres://127.0.0.1:1/nothing', resolvePostgres],
    ['RABBITMQ_URL', 'amqp://127.0.0.1:1', resolveRabbitMq],
  ])('names %s and its host when nothing answers there', async (variable, url, resolve) => {
    process.env[variable] = url;
    await expect(resolve()).rejects.toThrow(new RegExp(`127.0.0.1:1 \\(${variable}\\).*ECONNREFUSED`));
  });

  it('takes back the one server when the other cannot be had', async () => {
    const server = await startPostgres();
    process.env.DATABASE_URL = server.url;
    process.env.RABBITMQ_URL = 'amqp://127.0.0.1:1';
    await expect(globalSetup()).rejects.toThrow(/RABBITMQ_URL/);
    expect(await testDatabases(server.url)).toEqual([]);
    await server.close();
  });

  it('takes the docker compose service, and stops it only if it was not running before', async () => {
    const docker = await fakeDocker({ running: '' });
    const service = await startComposeService('postgres', 5432, docker.directory);
    expect(service).toMatchObject({ port: 54321, environment: { POSTGRES_USER: 'shop' } });
    await service!.stop();
    expect(await docker.calls()).toContain('compose stop postgres');

    const used = await fakeDocker({ running: 'c0ffee' });
    await (await startComposeService('postgres', 5432, used.directory))!.stop();
    expect(await used.calls()).not.toContain('stop');
  });

  it('passes by a docker whose engine does not answer', async () => {
    const docker = await fakeDocker({ running: '', engine: false });
    expect(await startComposeService('postgres', 5432, docker.directory)).toBeUndefined();
    expect(await docker.calls()).not.toContain('up');
  });
});

describe('what tests use of the servers', () => {
  it('makes a schema that connections to its URL work in, and drops it', async () => {
    const schema = await createTestSchema();
    await query(schema.url, 'CREATE TABLE here (i int)');
    const find = `SELECT schemaname FROM pg_tables WHERE schemaname = '${schema.name}'`;
    expect(await query(databaseUrl(), find)).toHaveLength(1);
    await schema.drop();
    expect(await query(databaseUrl(), find)).toHaveLength(0);
  });

  it('deletes queues and exchanges, whether they exist or not', async () => {
    const queue = `${uniquePrefix()}.queue`;
    await publishDurably(rabbitUrl(), queue, ['left over']);
    await deleteTopology(rabbitUrl(), { queues: [queue, `${queue}.never`], exchanges: [`${queue}.never`] });
    await expect(drain(rabbitUrl(), queue)).rejects.toThrow(/NOT_FOUND/);
  });
});

function testDatabases(url: string) {
  return query(url, `SELECT datname FROM pg_database WHERE datname LIKE 'outbox_test_%'`);
}

/** A `docker` first in the PATH that writes down how it is called, and a directory with a docker-compose.yml. */
async function fakeDocker({ running, engine = true }: { running: string; engine?: boolean }) {
  const directory = await mkdtemp(path.join(tmpdir(), 'fake-docker-'));
  directories.push(directory);
  const calls = path.join(directory, 'calls');
  const config = JSON.stringify({ services: { postgres: { environment: { POSTGRES_USER: 'shop' } } } });
  await mkdir(path.join(directory, 'bin'));
  await writeFile(path.join(directory, 'docker-compose.yml'), '');
  await writeFile(
    path.join(directory, 'bin/docker'),
    `#!/bin/sh
    echo "$@" >> ${calls}
    case "$*" in
      info) ${engine ? 'exit 0' : 'exit 1'} ;;
      "compose ps"*) echo '${running}' ;;
      "compose port"*) echo 0.0.0.0:54321 ;;
      "compose config"*) echo '${config}' ;;
    esac`,
    { mode: 0o755 },
  );
  process.env.PATH = `${directory}/bin:${process.env.PATH}`;
  return { directory, calls: () => readFile(calls, 'utf8') };
}
