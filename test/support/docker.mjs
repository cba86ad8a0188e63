import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { repository } from './paths.mjs';

const exec = promisify(execFile);

/** Two `up` at once race for the project's network: one after the other. */
let lastStart = Promise.resolve();

/**
 * A service of docker-compose.yml, up and healthy. Undefined when there is no engine, no compose, or it does not come
 * up: a `docker` in the PATH says nothing.
 */
export function startComposeService(name, containerPort, directory = repository) {
  const started = lastStart.then(() => start(name, containerPort, directory));
  lastStart = started.catch(() => undefined);
  return started;
}

async function start(name, containerPort, cwd) {
  if (!existsSync(path.join(cwd, 'docker-compose.yml')) || !(await engineAnswers())) return undefined;
  const compose = (...args) => docker(['compose', ...args], { cwd });
  try {
    const wasRunning = (await compose('ps', '--status', 'running', '-q', name)).trim() !== '';
    await compose('up', '-d', '--wait', name);
    const [, port] = /:(\d+)\s*$/.exec(await compose('port', name, String(containerPort)));
    const { services } = JSON.parse(await compose('config', '--format', 'json'));
    const stop = async () => {
      if (!wasRunning) await compose('stop', name);
    };
    return { port: Number(port), environment: services[name].environment ?? {}, stop };
  } catch (error) {
    console.warn(`docker compose cannot start "${name}", looking further: ${error.message}`);
    return undefined;
  }
}

async function engineAnswers() {
  try {
    await docker(['info'], { timeout: 10_000 });
    await docker(['compose', 'version'], { timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}

async function docker(args, options) {
  const { stdout } = await exec('docker', args, { ...options, env: process.env });
  return stdout;
}
