import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Io } from '../../lib/cli/io.js';
import { runOutbox } from '../../lib/cli/run-outbox.js';

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

export interface Surroundings {
  env?: Record<string, string>;
  /** What somebody at the terminal answers; without it, nobody is there. */
  answer?: string | (() => Promise<string>);
  signal?: AbortSignal;
  onError?: (text: string) => void;
}

/** Runs a command in this process, as the script does in one of its own. */
export async function cli(args: readonly string[], surroundings: Surroundings = {}): Promise<Outcome> {
  let [stdout, stderr] = ['', ''];
  const io: Io = {
    env: surroundings.env ?? {},
    out: (text) => void (stdout += text),
    err: (text) => {
      stderr += text;
      surroundings.onError?.(text);
    },
    interactive: surroundings.answer !== undefined,
    live: false,
    ask: (question) => {
      stderr += question;
      const { answer = '' } = surroundings;
      return typeof answer === 'string' ? Promise.resolve(answer) : answer();
    },
    signal: surroundings.signal ?? new AbortController().signal,
  };
  const code = await runOutbox(args, io);
  return { code, stdout, stderr };
}

/** The one JSON value that a command printed. */
export async function jsonOf<T>(args: readonly string[], surroundings: Surroundings = {}): Promise<T> {
  const { stdout, stderr, code } = await cli([...args, '--json'], surroundings);
  if (stdout === '') throw new Error(`outbox ${args.join(' ')} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as T;
}

const script = new URL('../../dist/lib/cli/outbox.js', import.meta.url).pathname;

/** Runs the script that the package installs. */
export async function spawned(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  try {
    const options = { env: { PATH: process.env['PATH'], ...env }, maxBuffer: 64 * 1024 * 1024 };
    return { code: 0, ...(await promisify(execFile)(process.execPath, [script, ...args], options)) };
  } catch (error) {
    const { code, stdout, stderr } = error as Outcome;
    return { code, stdout, stderr };
  }
}
