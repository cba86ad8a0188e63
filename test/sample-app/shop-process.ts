import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/sample-app/main.js', import.meta.url));
const READY = /Shop on (http:\/\/localhost:\d+)|Relay is publishing|Worker is consuming/;

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** The built shop as its users run it: `node dist/sample-app/main.js`, in a process of its own. */
export class ShopProcess {
  output = '';
  /** Where it serves its page; empty for a relay or a worker. */
  url = '';
  private readonly child: ChildProcess;
  readonly exited: Promise<Exit>;

  private constructor(env: Record<string, string>) {
    if (!existsSync(MAIN)) throw new Error(`${MAIN} is not there. Build it first: npm run build`);
    const { PATH = '', HOME = '', TMPDIR = '/tmp' } = process.env;
    this.child = spawn(process.execPath, [MAIN], {
      env: { PATH, HOME, TMPDIR, NO_COLOR: '1', PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.exited = once(this.child, 'close').then(([code, signal]) => ({ code, signal }) as Exit);
  }

  /** For those who must be able to stop it even if it never gets ready. */
  static launch(env: Record<string, string> = {}): ShopProcess {
    return new ShopProcess(env);
  }

  static start(env: Record<string, string> = {}): Promise<ShopProcess> {
    return ShopProcess.launch(env).ready();
  }

  /** Resolves once the process says that it works. Rejects with what it said if it ends before. */
  async ready(): Promise<this> {
    const said = new Promise<void>((resolve) => {
      this.child.stdout?.on('data', () => READY.test(this.output) && resolve());
    });
    const ended = this.exited.then(({ code }) => {
      throw new Error(`The shop ended with ${code} before it was ready:\n${this.output}`);
    });
    await Promise.race([said, ended]);
    // From here on its end is the business of whoever stops it.
    ended.catch(() => {});
    this.url = READY.exec(this.output)?.[1] ?? '';
    return this;
  }

  /** For a process that is expected to refuse to start. */
  static async run(env: Record<string, string>): Promise<Exit & { output: string }> {
    const shop = new ShopProcess(env);
    return { ...(await shop.exited), output: shop.output };
  }

  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.child.kill(signal);
    return this.exited;
  }
}
