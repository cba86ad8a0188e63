import type { Io } from './io.js';
import { plainLine } from './output.js';

/** How often a line is written where none can be written over, in milliseconds. */
const INTERVAL = 5_000;

/** Tells how far a long command is, on stderr: one line that changes at a terminal, else a line once in a while. */
export class Progress {
  private last = performance.now();
  private shown = false;

  constructor(private readonly io: Pick<Io, 'err' | 'live'>) {}

  tell(text: string): void {
    const { io } = this;
    if (io.live) io.err(`\r\u001b[K${plainLine(text)}`);
    else if (performance.now() - this.last >= INTERVAL) io.err(`${plainLine(text)}\n`);
    else return;
    this.last = performance.now();
    this.shown = true;
  }

  /** Leaves the line to others. */
  end(): void {
    if (this.shown && this.io.live) this.io.err('\r\u001b[K');
  }
}
