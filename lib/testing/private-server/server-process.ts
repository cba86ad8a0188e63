import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as after } from 'node:timers/promises';
import type { Watchdog } from './watchdog.js';

const START_TIMEOUT = 60_000;
const STOP_TIMEOUT = 30_000;
const KEPT_LINES = 200;

export interface ServerCommand {
  program: string;
  args: string[];
  options: Pick<SpawnOptions, 'cwd' | 'env' | 'uid' | 'gid'>;
  /** What the server writes once it is ready. */
  readyText: string;
}

/** One run of a server program, from its start to its end, in a session of its own: Ctrl-C is not for it. */
export class ServerProcess {
  /** The last lines the server wrote. */
  readonly log: string[] = [];
  readonly #child: ChildProcess;
  readonly #ready: Promise<void>;
  /** After the exit *and* the end of the output, which the server's helpers hold open: then none of them is left. */
  readonly #ended: Promise<void>;

  constructor({ program, args, options, readyText }: ServerCommand, leash: Watchdog['leash']) {
    const stdio = ['ignore', 'pipe', 'pipe', leash] as const;
    const child = spawn(program, args, { ...options, stdio: [...stdio], detached: true, windowsHide: true });
    const lines = [child.stdout!, child.stderr!].map((input) => createInterface({ input }));
    this.#child = child;
    this.#ready = new Promise((resolve) => {
      for (const source of lines) {
        source.on('line', (line) => {
          this.#keep(line);
          if (line.includes(readyText)) resolve();
        });
      }
    });
    this.#ended = new Promise((resolve) => {
      child.once('close', () => resolve());
      child.once('error', (error) => resolve(this.#keep(error.message)));
    });
  }

  /** Undefined when the program could not be run at all. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  onEnd(listener: () => void): void {
    this.#child.once('exit', listener);
  }

  /** Resolves when the server is ready, or has ended: then with what went wrong. */
  async ready(): Promise<string | undefined> {
    const failure = await Promise.race([
      this.#ready.then(() => undefined),
      this.#ended.then(() => 'it ended'),
      after(START_TIMEOUT, `it was not ready after ${START_TIMEOUT / 1000} s`, { ref: false }),
    ]);
    if (failure) await this.end('SIGKILL');
    else this.#hold(false);
    return failure && `${failure}. It said:\n${this.log.join('\n')}`;
  }

  /** Resolves when every process of the server has ended. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.#hold(true);
    this.#child.kill(signal);
    const tooLong = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT);
    await this.#ended;
    clearTimeout(tooLong);
  }

  #keep(line: string): void {
    this.log.push(line);
    if (this.log.length > KEPT_LINES) this.log.shift();
  }

  /** A running server does not keep its owner's process alive; waiting for one to start or to end does. */
  #hold(on: boolean): void {
    const method = on ? 'ref' : 'unref';
    for (const handle of [this.#child, this.#child.stdout, this.#child.stderr]) (handle as Socket)[method]();
  }
}
