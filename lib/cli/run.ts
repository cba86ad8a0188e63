import type { ExitCode } from './exit-code.js';
import type { Io } from './io.js';

/** What a command runs with, and where it leaves its exit code if that is not 0. */
export interface Run {
  readonly io: Io;
  exitCode: ExitCode;
}
