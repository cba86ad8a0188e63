import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Watchdog } from '../../dist/lib/testing/private-server/watchdog.js';

const HOST = fileURLToPath(new URL('module-process/host.mjs', import.meta.url));

/**
 * A module in a process of its own: its exported functions are called from here. It finds packages from where it lies.
 * It ends with this process, however that ends, even frozen.
 */
export class ModuleProcess {
  #child;
  #watchdog = new Watchdog({ signal: 'SIGKILL', directories: [] });
  #waiting = new Map();
  #lastId = 0;

  constructor(url, { env = {} } = {}) {
    this.module = fileURLToPath(url);
    this.#child = fork(HOST, [String(url)], {
      env: { ...process.env, ...env },
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#watchdog.guard(this.#child.pid);
    this.#child.on('message', (answer) => this.#answered(answer));
    this.#child.once('exit', (code, signal) => this.#ended(code ?? signal));
  }

  /** Undefined when it could not be started. */
  get pid() {
    return this.#child.pid;
  }

  get running() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Calls an exported function; what goes and comes is copied. Rejects with its error, or when the process ends first. */
  call(name, ...args) {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      if (!this.#child.connected) return reject(new Error(`${this.module} has ended.`));
      this.#waiting.set(id, { name, resolve, reject });
      this.#child.send({ id, name, args }, (error) => {
        if (error) this.#answered({ id, error: { message: error.message } });
      });
    });
  }

  /** Calls its `close`, if it exports one, and ends it. */
  async end() {
    if (this.running) await this.call('close').catch(() => undefined);
    await this.signal('SIGKILL');
  }

  /** Sends a signal; for SIGKILL resolves when the process is gone. */
  async signal(name) {
    if (!this.running) return;
    this.#child.kill(name);
    if (name === 'SIGKILL' && this.running) await once(this.#child, 'exit');
  }

  #answered({ id, result, error }) {
    const call = this.#waiting.get(id);
    if (!call) return;
    this.#waiting.delete(id);
    if (error) call.reject(Object.assign(new Error(error.message), error));
    else call.resolve(result);
  }

  #ended(how) {
    this.#watchdog.dismiss();
    for (const { name, reject } of this.#waiting.values()) {
      reject(new Error(`${this.module} ended (${how}) before it answered "${name}".`));
    }
    this.#waiting.clear();
  }
}
