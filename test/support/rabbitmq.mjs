import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import amqp from 'amqplib';
import { freePorts } from '../../dist/lib/testing/private-server/free-ports.js';
import { Watchdog } from '../../dist/lib/testing/private-server/watchdog.js';
import { startComposeService } from './docker.mjs';
import { findInstallation } from './rabbitmq/installation.mjs';
import { RabbitMqNode } from './rabbitmq/node.mjs';

/** The first of: RABBITMQ_URL, the docker compose service, a private node. */
export async function resolveRabbitMq() {
  const { RABBITMQ_URL } = process.env;
  if (RABBITMQ_URL) return onServer(RABBITMQ_URL, 'RABBITMQ_URL', async () => undefined);
  return (await fromCompose()) ?? (await fromPrivateNode());
}

/** Starts a private RabbitMQ node on free ports: local binaries, else Debian's packages unpacked into the cache. */
export async function startRabbitMq(options = {}) {
  const installation = options.installation ?? (await findInstallation());
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce({ config: '', plugins: [], name: 'outbox', ...options, installation });
    } catch (error) {
      // Between the look for free ports and the bind, another process may have taken one.
      if (!/eaddrinuse|in use|already a epmd/i.test(error.message) || attempt === 3) throw error;
    }
  }
}

async function startOnce({ installation, config, plugins, name }) {
  const directory = await mkdtemp(path.join(tmpdir(), 'outbox-rabbitmq-'));
  const watchdog = new Watchdog({ signal: 'SIGKILL', directories: [directory] });
  const [amqp, distribution, epmd, management] = await freePorts(4);
  const ports = { amqp, distribution, epmd, management };
  const nodeName = `${name}-${randomBytes(4).toString('hex')}@localhost`;
  const node = new RabbitMqNode({ installation, directory, ports, nodeName, config, plugins }, watchdog);
  try {
    await node.prepare();
    await node.start();
    return node;
  } catch (error) {
    await node.close();
    throw error;
  }
}

async function fromCompose() {
  const service = await startComposeService('rabbitmq', 5672);
  if (!service) return undefined;
  const { RABBITMQ_DEFAULT_USER: user = 'guest', RABBITMQ_DEFAULT_PASS: password = 'guest' } =
    service.environment;
  const url = new URL(`amqp://127.0.0.1:${service.port}`);
  Object.assign(url, { username: user, password });
  return onServer(url.href, 'docker compose', () => service.stop());
}

async function fromPrivateNode() {
  const node = await startRabbitMq();
  return { url: node.url, version: node.version, source: node.source, close: () => node.close() };
}

/** Asks a server that is not ours for its version, and so whether it is there. */
async function onServer(url, source, close) {
  try {
    const connection = await amqp.connect(url, { timeout: 10_000 });
    const { version } = connection.connection.serverProperties;
    await connection.close();
    return { url, version, source, close };
  } catch (cause) {
    await close();
    throw new Error(
      `RabbitMQ at ${new URL(url).host} (${source}) does not answer: ${cause.message || cause.code}`,
      { cause },
    );
  }
}
