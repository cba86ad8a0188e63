import { spawn, type ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { Stream } from 'node:stream';

export interface WatchdogOptions {
  /** How the guarded processes are ended. */
  signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL';
  /** What is removed once they have ended. */
  directories: string[];
}

/**
 * Reads the guarded process ids from its standard input, the last line counts. End of input means that the Node
 * process is gone, however it went. End of the leash means that the servers are gone: orphans cannot be waited for,
 * and where nobody reaps them their process ids live on.
 */
const SCRIPT = `
trap '' HUP INT TERM
signal=$1; shift
while read -r line; do pids=$line; done
for pid in $pids; do kill -$signal $pid; done
cat <&3 >/dev/null
[ $# -eq 0 ] || rm -rf -- "$@"
`;

/**
 * Ends private servers and removes their directories when this process ends without having done it: by a signal,
 * a crash, even `kill -9`. A process cannot do that for itself, so a small shell in a session of its own does it.
 * On Windows, which has no such shell, the 'exit' hook does what it can.
 */
export class Watchdog {
  readonly #options: WatchdogOptions;
  readonly #shell: ChildProcess | undefined;
  #pids: number[] = [];

  constructor(options: WatchdogOptions) {
    this.#options = options;
    if (process.platform === 'win32') process.once('exit', this.#onExit);
    else this.#shell = startShell(options);
  }

  /** What a guarded process must be given as an additional file descriptor, open until it ends. */
  get leash(): Stream | 'ignore' {
    return this.#shell?.stdio[3] ?? 'ignore';
  }

  /** The processes that run now; none when the server is stopped. Replaces the ones named before. */
  guard(...pids: (number | undefined)[]): void {
    // 0 and below mean whole groups of processes to kill(2), and -1 means everything.
    this.#pids = pids.filter((pid) => pid !== undefined).filter((pid) => pid > 1);
    this.#shell?.stdin?.write(`${this.#pids.join(' ')}\n`);
  }

  /** For an owner that has ended its processes and removed its directories itself. */
  dismiss(): void {
    process.removeListener('exit', this.#onExit);
    this.#shell?.kill('SIGKILL');
  }

  readonly #onExit = (): void => {
    for (const pid of this.#pids) endIfAlive(pid);
    for (const directory of this.#options.directories) {
      rmSync(directory, { recursive: true, force: true, maxRetries: 10 });
    }
  };
}

function startShell({ signal, directories }: WatchdogOptions): ChildProcess {
  const args = ['-c', SCRIPT, 'outbox-watchdog', signal.replace('SIG', ''), ...directories];
  const stdio = ['pipe', 'ignore', 'ignore', 'pipe'] as const;
  const shell = spawn('/bin/sh', args, { detached: true, stdio: [...stdio], cwd: '/' });
  shell.once('error', () => undefined);
  shell.unref();
  for (const pipe of [shell.stdio[0], shell.stdio[3]] as Socket[]) {
    pipe.on('error', () => undefined);
    pipe.unref();
  }
  return shell;
}

function endIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended in the meantime.
  }
}
