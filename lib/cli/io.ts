import { createInterface } from 'node:readline/promises';
import type { Environment } from '../options/environment.js';

/** All that a command may do with its surroundings. */
export interface Io {
  readonly env: Environment;
  /** To stdout: the answer, and nothing else. */
  out(text: string): void;
  /** To stderr: progress, questions, errors. */
  err(text: string): void;
  /** Somebody sits at the terminal and can be asked. */
  readonly interactive: boolean;
  /** What is written to stderr is seen as it comes, and a line can be written over. */
  readonly live: boolean;
  ask(question: string): Promise<string>;
  /** Aborts at SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
}

/** The process's own. A second signal ends it at once, as the first has removed its listener. */
export function processIo(): Io {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  // Whoever read our output has read enough (`outbox list | head`).
  process.stdout.on('error', () => process.exit());
  return {
    env: process.env,
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    interactive: process.stdin.isTTY === true,
    live: process.stderr.isTTY === true,
    ask,
    signal: stopping.signal,
  };
}

async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await terminal.question(question);
  } finally {
    terminal.close();
  }
}
